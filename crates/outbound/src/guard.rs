//! Where calls may go.

use std::net::IpAddr;

use hyper::Uri;
use url::{Host, Url};

use crate::address::{AddressKind, kind_of};

/// Longest URL.
pub const URL_CHARS: usize = 2_000;
/// Below this, only the ports of HTTP are called.
const FIRST_UNPRIVILEGED_PORT: u16 = 1_024;

/// What an operator allows beyond `https` to the public internet; both for development.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guard {
    /// Addresses of this machine and of private networks.
    pub allow_private: bool,
    /// `http` besides `https`.
    pub allow_http: bool,
}

/// Why an address must not be called; says what would be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Not a URL, or too long.
    #[error("must be an absolute URL of at most {URL_CHARS} characters")]
    NoUrl,
    /// Neither `https`, nor an allowed `http`.
    #[error("must begin with https://")]
    Scheme,
    /// User name or password in it.
    #[error("must not contain a user name or password")]
    UserInfo,
    /// A port of some other service.
    #[error("must use port 443, or one from 1024")]
    Port,
    /// The address, or one of the name's, is not of the public internet.
    #[error("must lead to addresses of the public internet only")]
    Address,
}

/// A checked URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) uri: Uri,
    /// The name that has to be resolved; `None` for an address.
    pub(crate) name: Option<String>,
}

impl Target {
    /// Scheme, host and port, in the form of RFC 6454: a port that is the scheme's own is not named.
    pub fn origin(&self) -> String {
        let (scheme, authority) = (self.uri.scheme_str().unwrap_or_default(), self.uri.authority());
        format!("{scheme}://{}", authority.map_or("", |authority| authority.as_str()))
    }

    /// The URL in the form that is called.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl Guard {
    /// Checks a URL without looking up its name: for saving it, together with [`crate::Outbound::check_name`], and before every call.
    pub fn check_url(&self, url: &str) -> Result<Target, Forbidden> {
        if url.chars().count() > URL_CHARS {
            return Err(Forbidden::NoUrl);
        }
        let mut url = Url::parse(url).map_err(|_| Forbidden::NoUrl)?;
        let own_port = match url.scheme() {
            "https" => 443,
            "http" if self.allow_http => 80,
            _ => return Err(Forbidden::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::UserInfo);
        }
        if url.port().is_some_and(|port| port != own_port && port < FIRST_UNPRIVILEGED_PORT) {
            return Err(Forbidden::Port);
        }
        // The parser has brought decimal, octal, hexadecimal and shortened addresses into one form.
        let name = match url.host().ok_or(Forbidden::NoUrl)? {
            Host::Domain(name) => Some(name.to_owned()),
            Host::Ipv4(address) => self.check_address(address.into()).map(|()| None)?,
            Host::Ipv6(address) => self.check_address(address.into()).map(|()| None)?,
        };
        url.set_fragment(None);
        let uri = Uri::try_from(url.as_str()).map_err(|_| Forbidden::NoUrl)?;
        Ok(Target { uri, name })
    }

    /// Checks one address.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Forbidden> {
        match kind_of(address) {
            AddressKind::Public => Ok(()),
            AddressKind::Private if self.allow_private => Ok(()),
            AddressKind::Private | AddressKind::Special => Err(Forbidden::Address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Guard = Guard { allow_private: false, allow_http: false };
    const LENIENT: Guard = Guard { allow_private: true, allow_http: true };

    #[test]
    fn a_url_leads_to_the_public_internet_over_https() {
        let table = [
            ("https://example.com/hook?key=1", Ok("https://example.com/hook?key=1")),
            ("HTTPS://EXAMPLE.com", Ok("https://example.com/")),
            ("https://example.com:443/a#fragment", Ok("https://example.com/a")),
            ("https://example.com:8443/", Ok("https://example.com:8443/")),
            ("https://bücher.example/", Ok("https://xn--bcher-kva.example/")),
            ("https://1.1.1.1/", Ok("https://1.1.1.1/")),
            ("https://[2606:4700:4700::1111]/", Ok("https://[2606:4700:4700::1111]/")),
            ("", Err(Forbidden::NoUrl)),
            ("/hook", Err(Forbidden::NoUrl)),
            ("https://", Err(Forbidden::NoUrl)),
            ("https:///", Err(Forbidden::NoUrl)),
            ("https://exa mple.com/", Err(Forbidden::NoUrl)),
            ("https://256.256.256.256/", Err(Forbidden::NoUrl)),
            ("http://example.com/", Err(Forbidden::Scheme)),
            ("ftp://example.com/", Err(Forbidden::Scheme)),
            ("file:///etc/passwd", Err(Forbidden::Scheme)),
            ("gopher://example.com/", Err(Forbidden::Scheme)),
            ("https://user@example.com/", Err(Forbidden::UserInfo)),
            ("https://user:password@example.com/", Err(Forbidden::UserInfo)),
            ("https://:password@example.com/", Err(Forbidden::UserInfo)),
            ("https://example.com@127.0.0.1/", Err(Forbidden::UserInfo)),
            ("https://example.com:25/", Err(Forbidden::Port)),
            ("https://example.com:80/", Err(Forbidden::Port)),
            ("https://example.com:0/", Err(Forbidden::Port)),
            ("https://127.0.0.1/", Err(Forbidden::Address)),
            ("https://127.1/", Err(Forbidden::Address)),
            ("https://2130706433/", Err(Forbidden::Address)),
            ("https://0x7f000001/", Err(Forbidden::Address)),
            ("https://0x7f.0.0.1/", Err(Forbidden::Address)),
            ("https://017700000001/", Err(Forbidden::Address)),
            ("https://0177.0.0.1/", Err(Forbidden::Address)),
            ("https://127.0.0.1./", Err(Forbidden::Address)),
            ("https://127%2e0.0.1/", Err(Forbidden::Address)),
            ("https://127。0。0。1/", Err(Forbidden::Address)),
            ("https://0/", Err(Forbidden::Address)),
            ("https://10.1.2.3/", Err(Forbidden::Address)),
            ("https://192.168.0.1/", Err(Forbidden::Address)),
            ("https://169.254.169.254/latest/meta-data/", Err(Forbidden::Address)),
            ("https://2852039166/", Err(Forbidden::Address)),
            ("https://[::1]/", Err(Forbidden::Address)),
            ("https://[::ffff:127.0.0.1]/", Err(Forbidden::Address)),
            ("https://[::ffff:7f00:1]/", Err(Forbidden::Address)),
            ("https://[fd00:ec2::254]/", Err(Forbidden::Address)),
            ("https://[fe80::1]/", Err(Forbidden::Address)),
            ("https://[64:ff9b::7f00:1]/", Err(Forbidden::Address)),
        ];
        for (url, expected) in table {
            let checked = STRICT.check_url(url).map(|target| target.uri.to_string());
            assert_eq!(checked, expected.map(str::to_owned), "{url}");
        }
    }

    #[test]
    fn an_operator_may_allow_http_and_private_addresses_but_no_special_ones() {
        let table = [
            ("http://127.0.0.1:5000/", Ok(())),
            ("http://example.com/", Ok(())),
            ("https://192.168.1.1/", Ok(())),
            ("http://[::1]:5000/", Ok(())),
            ("http://169.254.169.254/", Err(Forbidden::Address)),
            ("http://100.100.100.200/", Err(Forbidden::Address)),
            ("http://0.0.0.0:5000/", Err(Forbidden::Address)),
            ("http://[::ffff:10.0.0.1]/", Err(Forbidden::Address)),
            ("http://127.0.0.1:22/", Err(Forbidden::Port)),
        ];
        for (url, expected) in table {
            assert_eq!(LENIENT.check_url(url).map(|_| ()), expected, "{url}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_a_port_of_its_own() {
        for (url, origin) in [
            ("https://EXAMPLE.com:443/a?b", "https://example.com"),
            ("https://example.com:8443/", "https://example.com:8443"),
            ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]"),
        ] {
            assert_eq!(STRICT.check_url(url).unwrap().origin(), origin);
        }
    }

    #[test]
    fn a_url_has_a_limited_length() {
        let of_length = |chars: usize| format!("https://example.com/{}", "x".repeat(chars - 20));
        assert!(STRICT.check_url(&of_length(URL_CHARS)).is_ok());
        assert_eq!(STRICT.check_url(&of_length(URL_CHARS + 1)), Err(Forbidden::NoUrl));
    }

    #[test]
    fn only_a_name_is_looked_up() {
        let name = |url| STRICT.check_url(url).unwrap().name;
        assert_eq!(name("https://EXAMPLE.com./"), Some("example.com.".to_owned()));
        assert_eq!(name("https://1.1.1.1/"), None);
    }
}
