//! The cryptography behind TLS, in serving and in calling others: ring.

/// Makes ring the process's provider, unless whoever embeds this has chosen another.
pub fn ensure_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
