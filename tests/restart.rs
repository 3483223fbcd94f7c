//! A rolling restart: one of two servers at a time is stopped and started anew under load, behind a small proxy that asks
//! /readyz as Kubernetes does. No request may fail.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use support::photos::pavilion;
use support::server::Server;
use tokio::sync::Mutex;

/// Addresses of the servers that said they were ready when last asked; requests take turns.
#[derive(Clone, Default)]
struct Proxy {
    client: reqwest::Client,
    known: Arc<Mutex<Vec<String>>>,
    ready: Arc<Mutex<Vec<String>>>,
    turn: Arc<AtomicUsize>,
}

impl Proxy {
    /// Asks every known server for its readiness.
    async fn probe(&self) {
        let mut ready = Vec::new();
        for url in self.known.lock().await.clone() {
            let answer = self.client.get(format!("{url}/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                ready.push(url);
            }
        }
        *self.ready.lock().await = ready;
    }

    async fn forward(State(proxy): State<Self>, body: Bytes) -> (StatusCode, Bytes) {
        let ready = proxy.ready.lock().await.clone();
        let unavailable = (StatusCode::BAD_GATEWAY, Bytes::new());
        let Some(url) = ready.get(proxy.turn.fetch_add(1, Ordering::Relaxed) % ready.len().max(1)) else {
            return unavailable;
        };
        match proxy.client.post(format!("{url}/score")).body(body).send().await {
            Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()),
            Err(_) => unavailable,
        }
    }
}

fn server() -> Server {
    Server::start(&["--shutdown-grace-ms", "1000"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_request() {
    let mut servers = [server(), server()];
    let proxy = Proxy::default();
    *proxy.known.lock().await = servers.iter().map(|server| server.url.clone()).collect();
    proxy.probe().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().fallback(Proxy::forward).with_state(proxy.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let prober = proxy.clone();
    tokio::spawn(async move {
        loop {
            prober.probe().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });

    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (client, done) = (support::server::client(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let answer = client.post(format!("http://{address}/score")).body(pavilion()).send().await;
                    let answer = answer.expect("the proxy answers");
                    statuses.push(answer.status().as_u16());
                    assert!(answer.text().await.is_ok_and(|text| text.contains("\"scores\"")), "{statuses:?}");
                }
                statuses.len()
            })
        })
        .collect();
    for server in &mut servers {
        server.signal("TERM");
        let waiting = tokio::task::block_in_place(|| server.wait(Duration::from_secs(20)));
        assert!(waiting.success(), "a server that was told to stop ended badly: {waiting}");
        *server = self::server();
        proxy.known.lock().await.push(server.url.clone());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut scored = 0;
    for client in clients {
        scored += client.await.expect("no request failed");
    }
    assert!(scored > 20, "{scored} requests are no load");
    println!("{scored} requests, none failed");
}
