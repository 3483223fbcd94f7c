//! The certificate that the service is known by, and how it is renewed while the service runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::crypto;

/// Why a certificate was refused.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read as PEM.
    #[error("cannot read {path} as PEM: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: pem::Error,
    },
    /// Chain and key do not make a certificate.
    #[error("{chain} cannot be served with the key in {key}: {cause}")]
    Invalid {
        /// File of the chain.
        chain: PathBuf,
        /// File of the key.
        key: PathBuf,
        /// What is wrong with them.
        cause: rustls::Error,
    },
}

/// A certificate in use, and the files (PEM) it comes from.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
}

impl Certificate {
    /// Reads a certificate chain and its key.
    ///
    /// # Errors
    /// [`CertificateError`], which names the file.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let config = ArcSwap::from(read(chain, key)?);
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), config })
    }

    /// Reads the files anew; connections from then on are shown what they hold. Bad files are refused and the old
    /// certificate goes on.
    ///
    /// # Errors
    /// [`CertificateError`], which names the file.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.config.store(read(&self.chain, &self.key)?);
        Ok(())
    }

    /// Shakes hands by the certificate that is in use now.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.config.load_full().into()
    }
}

fn read(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, CertificateError> {
    crypto::ensure_provider();
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |cause| CertificateError::Unreadable { path, cause }
    };
    let certificates = CertificateDer::pem_file_iter(chain).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(unreadable(chain))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, private);
    let mut config =
        config.map_err(|cause| CertificateError::Invalid { chain: chain.to_owned(), key: key.to_owned(), cause })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
