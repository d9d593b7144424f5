//! Which addresses are those of the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Of the public internet.
    Public,
    /// Of this machine or of a network of one's own; allowed where the operator says so.
    Private,
    /// Never the other end of a call: link-local (cloud metadata is there), multicast, documentation, reserved, and the forms of IPv6 that
    /// hide an IPv4 address.
    Special,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// Private use (RFC 1918), loopback, and addresses shared behind a provider's NAT (RFC 6598).
const PRIVATE_V4: [Ipv4Net; 5] =
    [v4(10, 0, 0, 0, 8), v4(100, 64, 0, 0, 10), v4(127, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16)];

/// The IANA special-purpose registry beyond those, and the metadata addresses of clouds outside of it.
const SPECIAL_V4: [Ipv4Net; 12] = [
    v4(0, 0, 0, 0, 8),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Unique local addresses (RFC 4193).
const UNIQUE_LOCAL: Ipv6Net = v6(0xfc00, 0, 7);
/// Within them, where a cloud keeps its metadata.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// Everything that is given out to be reached …
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// … but for protocol assignments with Teredo, documentation, and 6to4.
const SPECIAL_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// What an address is for.
pub fn kind_of(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> AddressKind {
    if SPECIAL_V4.iter().any(|net| net.contains(&address)) {
        AddressKind::Special
    } else if PRIVATE_V4.iter().any(|net| net.contains(&address)) {
        AddressKind::Private
    } else {
        AddressKind::Public
    }
}

fn kind_of_v6(address: Ipv6Addr) -> AddressKind {
    if address == METADATA_V6 {
        AddressKind::Special
    } else if address == Ipv6Addr::LOCALHOST || UNIQUE_LOCAL.contains(&address) {
        AddressKind::Private
    } else if !GLOBAL_V6.contains(&address) || SPECIAL_V6.iter().any(|net| net.contains(&address)) {
        AddressKind::Special
    } else {
        AddressKind::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_out_to_be_reached_is_public() {
        use AddressKind::{Private, Public, Special};
        let table = [
            ("1.1.1.1", Public),
            ("8.8.8.8", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("192.0.1.1", Public),
            ("223.255.255.255", Public),
            ("10.0.0.1", Private),
            ("127.0.0.1", Private),
            ("127.255.255.254", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("100.127.255.255", Private),
            ("0.0.0.0", Special),
            ("0.1.2.3", Special),
            ("169.254.169.254", Special),
            ("169.254.0.1", Special),
            ("100.100.100.200", Special),
            ("168.63.129.16", Special),
            ("192.0.0.192", Special),
            ("192.0.2.1", Special),
            ("198.51.100.1", Special),
            ("203.0.113.1", Special),
            ("192.88.99.1", Special),
            ("198.18.0.1", Special),
            ("198.19.255.255", Special),
            ("224.0.0.1", Special),
            ("239.255.255.255", Special),
            ("240.0.0.1", Special),
            ("255.255.255.255", Special),
            ("2606:4700:4700::1111", Public),
            ("2a00:1450:4001:800::200e", Public),
            ("::1", Private),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fd00:ec2::254", Special),
            ("::", Special),
            ("::127.0.0.1", Special),
            ("::ffff:127.0.0.1", Special),
            ("::ffff:1.1.1.1", Special),
            ("::ffff:0:1.1.1.1", Special),
            ("64:ff9b::7f00:1", Special),
            ("64:ff9b:1::1", Special),
            ("2002:7f00:1::", Special),
            ("2001::1", Special),
            ("2001:db8::1", Special),
            ("3fff::1", Special),
            ("100::1", Special),
            ("fe80::1", Special),
            ("fec0::1", Special),
            ("ff02::1", Special),
            ("5f00::1", Special),
        ];
        for (address, expected) in table {
            assert_eq!(kind_of(address.parse().unwrap()), expected, "{address}");
        }
    }
}
