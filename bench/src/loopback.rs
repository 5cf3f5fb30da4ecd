//! Servers on free ports of 127.0.0.1, with TLS or without, that end when dropped.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use axum::{
    Router,
    serve::{Listener, ListenerExt},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer},
    server::TlsStream,
};

use crate::Error;

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    _task: JoinSet<io::Result<()>>,
}

impl Server {
    pub(crate) async fn http(router: Router) -> Result<Self, Error> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = tcp.local_addr()?;
        let listener = tcp.tap_io(send_at_once);
        Ok(Self::serve("http", address, listener, router))
    }

    /// The same with TLS; writes the certificate that clients must trust to `authority`.
    pub(crate) async fn https(router: Router, authority: &Path) -> Result<Self, Error> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = tcp.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(certified(authority)?));
        let listener = TlsListener { tcp, acceptor };
        Ok(Self::serve("https", address, listener, router))
    }

    fn serve(
        scheme: &'static str,
        address: SocketAddr,
        listener: impl Listener<Addr = SocketAddr>,
        router: Router,
    ) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            scheme,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

/// The end of an answer must not wait for the acknowledgement of its start.
fn send_at_once(stream: &mut TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// A certificate of 127.0.0.1 by an authority that is made for it.
fn certified(authority: &Path) -> Result<ServerConfig, Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // It needs a name of its own, or OpenSSL takes the server for its own issuer.
    params
        .distinguished_name
        .push(DnType::CommonName, "bench authority");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(authority, issuer.pem())?;
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    Ok(builder
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], key.into())?)
}

/// Accepts one connection after the other, which is enough for one client.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (mut stream, address) = Listener::accept(&mut self.tcp).await;
            send_at_once(&mut stream);
            match self.acceptor.accept(stream).await {
                Ok(stream) => return (stream, address),
                Err(error) => eprintln!("a TLS connection failed: {error}"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
