//! Settings of the services, as environment variables: the same for those in this process and for the binaries.

use chat_testkit::Isolation;

/// Key of the tests' access tokens.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";

/// The admin token of the tests' gateways.
pub const ADMIN_TOKEN: &str = "the operator of the tests";

/// The default settings of a service.
pub fn defaults(service: &str) -> &'static str {
    match service {
        "ws-gateway" => ws_gateway::DEFAULTS,
        "persister" => include_str!("../../../services/persister/config.default.toml"),
        "broadcaster" => include_str!("../../../services/broadcaster/config.default.toml"),
        "notifier" => include_str!("../../../services/notifier/config.default.toml"),
        "read-receipt" => include_str!("../../../services/read-receipt/config.default.toml"),
        other => panic!("there is no service {other}"),
    }
}

/// Settings of a service on `isolation`; it refuses those of sections that it does not have.
pub fn settings(service: &str, isolation: &Isolation) -> Vec<(String, String)> {
    let has = |section: &str| defaults(service).lines().any(|line| line == section);
    let mut settings = isolation.kafka_env();
    if has("[redis]") {
        settings.extend(isolation.redis_env());
    }
    if has("[postgres]") {
        settings.extend(isolation.postgres_env());
        settings.push(("CHAT__POSTGRES__POOL_SIZE".to_owned(), "6".to_owned()));
    }
    if has("[consumer]") {
        // A killed consumer's partitions move soon.
        settings.push(("CHAT__CONSUMER__SESSION_TIMEOUT_MS".to_owned(), "6000".to_owned()));
    }
    if service == "ws-gateway" {
        settings.push(("CHAT__AUTH__SECRET".to_owned(), SECRET.to_owned()));
        settings.push(("CHAT__HTTP__LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
        settings.push(("CHAT__WEBHOOKS__ADMIN_TOKEN".to_owned(), ADMIN_TOKEN.to_owned()));
        // A busy machine answers late, and what is tested is then what a gateway does without Redis.
        settings.push(("CHAT__DELIVERY__REDIS_WITHIN_MS".to_owned(), "1000".to_owned()));
    }
    if has("[outbound]") {
        // Those who are called in tests are on this machine.
        settings.push(("CHAT__OUTBOUND__ALLOW_PRIVATE".to_owned(), "true".to_owned()));
        settings.push(("CHAT__OUTBOUND__ALLOW_HTTP".to_owned(), "true".to_owned()));
    }
    settings.push(("CHAT__SHUTDOWN__DRAIN_SECS".to_owned(), "2".to_owned()));
    settings
}
