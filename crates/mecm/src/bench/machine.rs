//! What figures were taken on.

use std::path::Path;

use mecm_common::db::testing;

/// Processor, memory, where the data is, which database: lines for a person.
pub(super) async fn describe(kind: &str) -> String {
    let on = |folder: &Path| {
        let mounts = std::fs::read_to_string("/proc/mounts").ok();
        mounts
            .and_then(|mounts| file_system(&mounts, folder))
            .unwrap_or_else(|| "?".to_owned())
    };
    let database = match testing::describe(kind).await {
        Ok((told, None)) => format!("{told}, in the data folder"),
        Ok((told, Some(folder))) => format!("{told}, its data on {}", on(&folder)),
        Err(error) => format!("{kind} ({error})"),
    };
    format!(
        "{} cores ({}), {} of memory, {} {}\ndatabase: {database}\ndata folder: on {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "?".to_owned()),
        line_of("/proc/meminfo", "MemTotal").unwrap_or_else(|| "?".to_owned()),
        std::env::consts::OS,
        line_of("/proc/sys/kernel/osrelease", "").unwrap_or_default(),
        on(&std::env::temp_dir()),
    )
}

/// What a file of `name : value` lines says of a name; the first line where the name is empty.
fn line_of(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let value = if name.is_empty() {
        line
    } else {
        line.split_once(':')?.1
    };
    Some(value.trim().to_owned())
}

/// The file system that a folder is on: of the mounts above it the deepest, and of those at one place the last.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(at), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let depth = Path::new(at).components().count();
        if folder.starts_with(at) && best.as_ref().is_none_or(|(known, _)| depth >= *known) {
            best = Some((depth, format!("{kind} (mounted at {at})")));
        }
    }
    best.map(|(_, told)| told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_above_a_folder_is_its_file_system() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpfiles xfs rw 0 0\n";
        let of = |folder: &str| file_system(mounts, Path::new(folder)).unwrap();
        assert_eq!(of("/tmp/a"), "tmpfs (mounted at /tmp)");
        assert_eq!(of("/tmpfiles/a"), "xfs (mounted at /tmpfiles)");
        assert_eq!(of("/var/lib"), "ext4 (mounted at /)");
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[tokio::test]
    async fn it_says_which_database_it_is() {
        let told = describe("sqlite").await;
        assert!(told.contains("database: SQLite 3."), "{told}");
    }
}
