//! Packages of a v1.0 installation, where the machine has them: all are taken in.

use std::path::PathBuf;

use super::*;

#[tokio::test]
async fn all_real_packages_are_taken_in() {
    let folder = std::env::var_os("MECM_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/csar"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: there are no packages in {}", folder.display());
        return;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csar"));
    assert!(!files.is_empty(), "{}", folder.display());
    on_each(|rig| {
        let files = files.clone();
        async move {
            for path in files {
                let bytes = std::fs::read(&path).unwrap();
                let id = rig.uploaded(&bytes).await;
                let one = rig.get(&format!("/packages/{id}")).await.json();
                assert!(
                    one["operationalInfo"]["name"].is_string(),
                    "{}: {one}",
                    path.display()
                );
                assert_eq!(rig.get(&format!("/packages/{id}/download")).await.body, bytes);
            }
        }
    })
    .await;
}
