//! TLS that ends in this process, over whatever the egress port connects.

mod https;
mod roots;

pub use https::HttpsClient;
pub use roots::Roots;

/// Whether a name may stand in a CONNECT request: a DNS name or an IPv4 address, nothing that
/// could end the line.
pub fn is_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (1..=253).contains(&host.len()) && host.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_cannot_smuggle_a_second_header() {
        assert!(is_host("kms.eu-central-1.amazonaws.com"));
        assert!(!is_host("a\r\nX: y"));
        assert!(!is_host("a:443"));
        assert!(!is_host(""));
    }
}
