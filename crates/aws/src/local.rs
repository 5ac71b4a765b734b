//! An HTTP server of this machine, for tests of what really goes over a wire.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// `200 OK`, …
    pub(crate) status: &'static str,
    /// Header lines, each with its end.
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

/// Serves until the test's runtime ends; the answer may depend on which request it is, counted from 0. One
/// connection serves one request. Answers its address.
pub(crate) async fn serve(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                read_request(&mut stream).await;
                let Answer {
                    status,
                    headers,
                    body,
                } = answer(number);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                // The body comes apart from its head, as from afar.
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
                stream.write_all(body.as_bytes()).await.unwrap();
            });
        }
    });
    url
}

async fn read_request(stream: &mut tokio::net::TcpStream) {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            if body.len()
                >= length
                    .and_then(|length| length.trim().parse().ok())
                    .unwrap_or(0)
            {
                return;
            }
        }
        if stream.read_buf(&mut read).await.unwrap() == 0 {
            return;
        }
    }
}
