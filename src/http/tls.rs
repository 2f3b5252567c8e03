//! TLS of our own, for servers without a proxy in front: a certificate and its key from PEM files, read again while we run.
//!
//! Not here: sockets ([`super::serve`]). Key types: [`TlsFiles`], [`Tls`]. Invariant: a bad new pair changes nothing; connections that
//! are open keep the certificate they began with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: our certificate, then those between it and the root.
    pub certificates: PathBuf,
    /// PEM: the key of the first certificate.
    pub key: PathBuf,
}

/// A certificate in force. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Inside>);

struct Inside {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// A hash of both files as they were read.
    seen: Mutex<[u8; 32]>,
}

/// Why a certificate cannot be used. Never with content of a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificates cannot be read, or holds none.
    #[error("{}: {what}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// A lowercase fragment.
        what: String,
    },
    /// The file of the key cannot be read, or holds none.
    #[error("{}: {what}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// A lowercase fragment.
        what: String,
    },
    /// The two do not belong together, or are of a kind that cannot be used.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(String),
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = read(&files)?;
        let config = ArcSwap::from_pointee(config(&files, &pair)?);
        Ok(Self(Arc::new(Inside { files, config, seen: Mutex::new(pair.seen) })))
    }

    /// Where it was read from.
    pub fn files(&self) -> &TlsFiles {
        &self.0.files
    }

    /// Reads both files again; true if a new certificate is in force.
    ///
    /// # Errors
    /// [`TlsError`]: the old certificate stays in force. The same bad files are told of once.
    pub fn read_again(&self) -> Result<bool, TlsError> {
        let pair = read(&self.0.files)?;
        let mut known = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == pair.seen {
            return Ok(false);
        }
        *known = pair.seen;
        self.0.config.store(Arc::new(config(&self.0.files, &pair)?));
        Ok(true)
    }

    /// What the next connection is greeted with.
    pub(super) fn in_force(&self) -> Arc<ServerConfig> {
        self.0.config.load_full()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

/// What both files hold.
struct Pair {
    /// A hash over both.
    seen: [u8; 32],
    certificates: Vec<u8>,
    key: Vec<u8>,
}

fn read(files: &TlsFiles) -> Result<Pair, TlsError> {
    let (path, what) = (files.certificates.clone(), |error: std::io::Error| error.to_string());
    let certificates = std::fs::read(&path).map_err(|error| TlsError::Certificates { path, what: what(error) })?;
    let path = files.key.clone();
    let key = std::fs::read(&path).map_err(|error| TlsError::Key { path, what: what(error) })?;
    let mut hash = Sha256::new();
    for part in [&certificates, &key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(Pair { seen: hash.finalize().into(), certificates, key })
}

fn config(files: &TlsFiles, pair: &Pair) -> Result<ServerConfig, TlsError> {
    let bad = |what: &str| TlsError::Certificates { path: files.certificates.clone(), what: what.to_owned() };
    let chain = CertificateDer::pem_slice_iter(&pair.certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| bad("not PEM"))?;
    if chain.is_empty() {
        return Err(bad("no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_slice(&pair.key)
        .map_err(|_| TlsError::Key { path: files.key.clone(), what: "no private key in PEM in it".to_owned() })?;
    let unfit = |error: rustls::Error| TlsError::Pair(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    // WebSockets are upgrades of HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(folder: &tempfile::TempDir, name: &str) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let files = TlsFiles { certificates: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        std::fs::write(&files.certificates, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn a_renewed_pair_is_taken_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = pair(&folder, "a.example.in");
        let tls = Tls::read(files.clone()).unwrap();
        let first = tls.0.config.load_full();
        assert!(!tls.read_again().unwrap(), "nothing is new");
        let key = std::fs::read(&files.key).unwrap();
        pair(&folder, "b.example.in");
        let new_key = std::fs::read(&files.key).unwrap();
        // Renewal caught between the two files.
        std::fs::write(&files.key, &key).unwrap();
        assert!(matches!(tls.read_again(), Err(TlsError::Pair(_))));
        assert!(Arc::ptr_eq(&first, &tls.0.config.load_full()), "the old one stays");
        assert!(!tls.read_again().unwrap(), "told twice");
        std::fs::write(&files.key, new_key).unwrap();
        assert!(tls.read_again().unwrap());
        assert!(!Arc::ptr_eq(&first, &tls.0.config.load_full()));
    }

    #[test]
    fn what_is_wrong_is_named_without_content() {
        let folder = tempfile::tempdir().unwrap();
        let files = pair(&folder, "a.example.in");
        let gone = TlsFiles { key: folder.path().join("gone.pem"), ..files.clone() };
        assert!(matches!(Tls::read(gone), Err(TlsError::Key { .. })));
        let swapped = TlsFiles { certificates: files.key.clone(), key: files.certificates.clone() };
        let text = Tls::read(swapped).unwrap_err().to_string();
        assert!(text.ends_with("no certificate in it"), "{text}");
        std::fs::write(&files.key, "hunter2").unwrap();
        let text = Tls::read(files).unwrap_err().to_string();
        assert!(text.contains("key.pem: ") && !text.contains("hunter2"), "{text}");
    }
}
