use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use mecm_common::db::testing::Scratch;

use mecm_common::service::room::Rooms;

use super::*;

const PIECE: usize = 16 * 1024;

/// What comes of `head` and then `count` pieces of junk, and how many of those were taken.
async fn junk_after(head: &'static str, count: usize) -> (ApiError, usize) {
    let folder = Scratch::new().unwrap();
    let blobs = Blobs::open(&folder.0).await.unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let junk = (0..count).map(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(Bytes::from(vec![b'x'; PIECE]))
    });
    let body =
        futures::stream::iter([Ok(Bytes::from_static(head.as_bytes()))]).chain(futures::stream::iter(junk));
    let room = Rooms::new(1 << 20).known;
    let error = read(body, "B", &blobs, 1 << 30, &room).await.unwrap_err();
    (error, taken.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_is_no_part_is_refused_before_it_fills_the_memory() {
    for head in [
        "",
        "--B\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
    ] {
        let (error, taken) = junk_after(head, 10_000).await;
        assert_eq!(error.status.as_u16(), 400, "{head:?}");
        assert!(taken * PIECE <= 256 * 1024, "{taken} pieces after {head:?}");
    }
}

#[tokio::test]
async fn parts_that_nobody_asked_for_are_passed_over_up_to_the_limit() {
    let part = "--B\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n";
    let (error, taken) = junk_after(part, 100).await;
    assert_eq!(
        (error.status.as_u16(), taken),
        (400, 100),
        "read to its end, which is missing"
    );
    let most = (1 << 30) + (64 << 20);
    let (error, _) = junk_after(part, most / PIECE + 1).await;
    assert_eq!(error.status.as_u16(), 413);
    assert_eq!(error.message, format!("request content exceeded limit of {most}"));
}

#[test]
fn a_semicolon_in_quotes_is_part_of_a_name() {
    let header = "form-data; name=\"file\"; filename=\"a;filename*=UTF-8''b.csar\"; x";
    let apart: Vec<_> = attributes(header).map(str::trim).collect();
    let name = "filename=\"a;filename*=UTF-8''b.csar\"";
    assert_eq!(apart, ["form-data", "name=\"file\"", name, "x"]);
    assert_eq!(attributes("a=\"x\\\";y\";b").count(), 2);
}
