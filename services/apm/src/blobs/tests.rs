use mecm_common::db::testing::Scratch;

use super::incoming::GATHER;
use super::*;

/// Waits until the store's two directories hold so many files, and these.
async fn holds(scratch: &Scratch, incoming: usize, blobs: &[&str]) {
    // What nobody wants any more is removed on another thread.
    let wait = async {
        while content(scratch) != (incoming, blobs.iter().map(|&name| name.to_owned()).collect()) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let held = tokio::time::timeout(std::time::Duration::from_secs(10), wait).await;
    assert!(held.is_ok(), "{:?}", content(scratch));
}

/// What is in the store's two directories: incoming, blobs.
fn content(scratch: &Scratch) -> (usize, Vec<String>) {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(scratch.0.join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    (names("incoming").len(), names("blobs"))
}

async fn received(store: &Blobs, bytes: &[u8]) -> Received {
    let mut incoming = store.receive().await.unwrap();
    incoming.write(bytes).await.unwrap();
    incoming.finish().await.unwrap()
}

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[tokio::test]
async fn a_file_gets_into_place_under_its_hash_and_reads_back() {
    let scratch = Scratch::new().unwrap();
    let store = Blobs::open(&scratch.0).await.unwrap();
    let file = received(&store, b"abc").await;
    assert_eq!((file.digest.as_str(), file.size), (ABC, 3));
    let digest = file.digest.clone();
    store.put(file).await.unwrap();
    assert_eq!(content(&scratch), (0, vec![ABC.to_owned()]));
    assert_eq!(store.all().await.unwrap(), std::slice::from_ref(&digest));
    let (mut file, size) = store.read(&digest).await.unwrap().unwrap();
    assert_eq!(
        (io::read_to_string(&mut file).unwrap().as_str(), size),
        ("abc", 3)
    );
    store.remove(&digest).await.unwrap();
    store.remove(&digest).await.unwrap();
    assert!(store.read(&digest).await.unwrap().is_none());
}

#[tokio::test]
async fn what_breaks_off_is_gone_whenever_it_does() {
    let scratch = Scratch::new().unwrap();
    let store = Blobs::open(&scratch.0).await.unwrap();
    let mut incoming = store.receive().await.unwrap();
    incoming.write(&vec![7; GATHER + 1]).await.unwrap();
    assert_eq!(incoming.size(), GATHER as u64 + 1);
    assert_eq!(content(&scratch).0, 1);
    drop(incoming);
    holds(&scratch, 0, &[]).await;
    drop(received(&store, b"abc").await);
    holds(&scratch, 0, &[]).await;
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_wherever_it_fills_up() {
    for point in [faults::Point::Write, faults::Point::Sync, faults::Point::Put] {
        let scratch = Scratch::new().unwrap();
        let store = Blobs::open(&scratch.0).await.unwrap();
        store.fill(point, 0);
        let mut incoming = store.receive().await.unwrap();
        incoming.write(b"abc").await.unwrap();
        let error = match incoming.finish().await {
            Ok(file) => store.put(file).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{point:?}");
        holds(&scratch, 0, &[]).await;
    }
}

#[tokio::test]
async fn a_start_removes_what_a_dead_process_was_receiving_and_nothing_else() {
    let scratch = Scratch::new().unwrap();
    let store = Blobs::open(&scratch.0).await.unwrap();
    store.put(received(&store, b"abc").await).await.unwrap();
    let mut alive = store.receive().await.unwrap();
    fs::write(scratch.0.join("incoming/left-over"), b"ab").unwrap();
    fs::create_dir(scratch.0.join("incoming/a folder")).unwrap();
    assert_eq!(content(&scratch).0, 3);
    drop(Blobs::open(&scratch.0).await.unwrap());
    fs::remove_dir(scratch.0.join("incoming/a folder")).unwrap();
    assert_eq!(content(&scratch), (1, vec![ABC.to_owned()]));
    alive.write(b"abc").await.unwrap();
    store.put(alive.finish().await.unwrap()).await.unwrap();
    assert_eq!(content(&scratch), (0, vec![ABC.to_owned()]));
}

#[tokio::test]
async fn a_file_may_be_received_while_others_start() {
    let scratch = Scratch::new().unwrap();
    let store = Blobs::open(&scratch.0).await.unwrap();
    let starts = async {
        for _ in 0..200 {
            Blobs::open(&scratch.0).await.unwrap();
        }
    };
    let uploads = async {
        for number in 0..200_u32 {
            let bytes = number.to_be_bytes();
            store.put(received(&store, &bytes).await).await.unwrap();
        }
    };
    tokio::join!(starts, uploads);
    assert_eq!(content(&scratch).1.len(), 200);
}

#[tokio::test]
async fn a_disk_without_room_is_not_ready() {
    let scratch = Scratch::new().unwrap();
    let store = Blobs::open(&scratch.0).await.unwrap();
    store.check().await.unwrap();
    store.fill(faults::Point::Write, 0);
    assert_eq!(
        store.check().await.unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    holds(&scratch, 0, &[]).await;
}

#[test]
fn only_a_hash_names_a_file() {
    assert!(Digest::parse(ABC).is_some());
    for text in ["", "../../etc/passwd", &ABC.to_uppercase(), &ABC[1..]] {
        assert!(Digest::parse(text).is_none(), "{text}");
    }
}
