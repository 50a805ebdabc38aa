//! Reads a ZIP while it passes by: its entries' local headers one after the other, and the contents of the few that
//! matter. Nothing is stored, everything else is skipped, or inflated into nothing where its length is not told.

use std::collections::HashSet;

use flate2::{Decompress, FlushDecompress, Status};

/// The most that is kept of an entry's contents.
const KEPT: usize = 8 * 1024 * 1024;
/// The longest entry name that is taken.
const LONGEST_NAME: usize = 4096;
/// Entries whose names are looked at; v1.0 objects to more than 1,024 anyway.
const LOOKED_AT: usize = 4096;

const LOCAL: u64 = 0x0403_4b50;
const CENTRAL: u64 = 0x0201_4b50;
const END: u64 = 0x0605_4b50;
const DESCRIPTOR: u64 = 0x0807_4b50;

/// What passed by.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Entries, directories included.
    pub(crate) entries: usize,
    /// Bytes of the largest entry, unpacked.
    pub(crate) largest: u64,
    /// Bytes of all entries, unpacked.
    pub(crate) total: u64,
    /// Files whose directory had no entry before them: a v1.0 controller cannot write them.
    pub(crate) orphans: usize,
    /// Contents of `<first path segment of the first entry>/positioning-service.mf`.
    pub(crate) manifest: Option<Vec<u8>>,
    /// Contents of the first `.tgz`, `.tar` or `.gz` in `<the same>/Artifacts/Deployment/Charts`.
    pub(crate) chart: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Nothing,
    Manifest,
    Chart,
}

#[derive(Debug)]
enum Stage {
    /// Collecting a header of this many bytes.
    Header,
    /// Passing an entry of known length.
    Known(u64),
    /// Inflating an entry that tells its length afterwards only.
    Streamed,
    /// Looking for the descriptor behind an entry that is neither packed nor tells its length.
    StoredStreamed,
    /// Behind such an entry: its descriptor, and the signature after that.
    Descriptor,
    /// The central directory has begun.
    Done,
    Broken,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Scanner {
    stage: Stage,
    /// Bytes of a header that has not arrived whole.
    pending: Vec<u8>,
    inflate: Option<Decompress>,
    keep: Keep,
    kept: Vec<u8>,
    unpacked: u64,
    /// A descriptor follows the entry's contents.
    described: bool,
    top: Option<String>,
    directories: HashSet<String>,
    found: Scanned,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            stage: Stage::Header,
            pending: Vec::new(),
            inflate: None,
            keep: Keep::Nothing,
            kept: Vec::new(),
            unpacked: 0,
            described: false,
            top: None,
            directories: HashSet::new(),
            found: Scanned::default(),
        }
    }
}

impl Scanner {
    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.stage {
                Stage::Header => self.header(bytes),
                Stage::Known(left) => self.known(left, bytes),
                Stage::Streamed => self.streamed(bytes),
                Stage::StoredStreamed => self.stored_streamed(bytes),
                Stage::Descriptor => self.descriptor(bytes),
                Stage::Done | Stage::Broken => return,
            };
        }
    }

    /// What passed by; `None` where it was no ZIP, or not a whole one.
    pub(crate) fn finish(self) -> Option<Scanned> {
        matches!(self.stage, Stage::Done).then_some(self.found)
    }

    /// Moves bytes to `pending` until it holds `length`; false where they do not suffice.
    fn fill(&mut self, length: usize, bytes: &mut &[u8]) -> bool {
        let missing = length.saturating_sub(self.pending.len()).min(bytes.len());
        self.pending.extend_from_slice(&bytes[..missing]);
        *bytes = &bytes[missing..];
        self.pending.len() >= length
    }

    fn header<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        if !self.fill(4, &mut bytes) {
            return bytes;
        }
        match number(&self.pending, 0, 4) {
            LOCAL => {}
            CENTRAL | END => {
                self.stage = Stage::Done;
                return bytes;
            }
            _ => {
                self.stage = Stage::Broken;
                return bytes;
            }
        }
        if !self.fill(30, &mut bytes) {
            return bytes;
        }
        let name = number(&self.pending, 26, 2) as usize;
        let extra = number(&self.pending, 28, 2) as usize;
        if !self.fill(30 + name + extra, &mut bytes) {
            return bytes;
        }
        let header = std::mem::take(&mut self.pending);
        self.entry(&header, &header[30..30 + name], &header[30 + name..]);
        bytes
    }

    fn entry(&mut self, header: &[u8], name: &[u8], extra: &[u8]) {
        let name = String::from_utf8_lossy(name).into_owned();
        self.found.entries += 1;
        self.keep = if name.len() > LONGEST_NAME || self.found.entries > LOOKED_AT {
            Keep::Nothing
        } else {
            self.place(&name)
        };
        self.kept = Vec::new();
        self.unpacked = 0;
        let streamed = number(header, 6, 2) & 8 != 0;
        let method = number(header, 8, 2);
        let mut packed = number(header, 18, 4);
        let mut unpacked = number(header, 22, 4);
        if let Some(large) = zip64(extra) {
            for size in [&mut unpacked, &mut packed].into_iter().zip(large) {
                if *size.0 == 0xffff_ffff {
                    *size.0 = size.1;
                }
            }
        }
        self.inflate = (method == 8).then(|| Decompress::new(false));
        let unknown = streamed && packed == 0;
        self.described = streamed;
        if !unknown {
            self.measure(unpacked);
        }
        self.stage = match (method, unknown) {
            (8, true) => Stage::Streamed,
            (0, true) => Stage::StoredStreamed,
            (0 | 8, false) if packed == 0 => {
                self.close();
                Stage::Header
            }
            (0 | 8, false) => Stage::Known(packed),
            _ => Stage::Broken,
        };
    }

    /// Remembers where an entry stands, and says what of it matters.
    fn place(&mut self, name: &str) -> Keep {
        let name = name.trim_start_matches("./");
        let first = name.split('/').next().unwrap_or_default();
        let top = self.top.get_or_insert_with(|| first.to_owned()).clone();
        if let Some(directory) = name.strip_suffix('/') {
            let mut path = directory;
            while self.directories.insert(path.to_owned()) {
                let Some((above, _)) = path.rsplit_once('/') else {
                    break;
                };
                path = above;
            }
            return Keep::Nothing;
        }
        let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
        if !directory.is_empty() && !self.directories.contains(directory) {
            self.found.orphans += 1;
            return Keep::Nothing;
        }
        if directory == top && file == "positioning-service.mf" {
            return Keep::Manifest;
        }
        let packed = [".tgz", ".tar", ".gz"]
            .iter()
            .any(|ending| file.ends_with(ending));
        if packed && self.found.chart.is_none() && directory == format!("{top}/Artifacts/Deployment/Charts") {
            return Keep::Chart;
        }
        Keep::Nothing
    }

    fn measure(&mut self, unpacked: u64) {
        self.found.largest = self.found.largest.max(unpacked);
        self.found.total = self.found.total.saturating_add(unpacked);
    }

    /// An entry's contents have passed.
    fn close(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        match self.keep {
            Keep::Nothing => {}
            Keep::Manifest => self.found.manifest = Some(kept),
            Keep::Chart => self.found.chart = Some(kept),
        }
        self.keep = Keep::Nothing;
        self.inflate = None;
    }

    fn known<'a>(&mut self, left: u64, bytes: &'a [u8]) -> &'a [u8] {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (these, rest) = bytes.split_at(now);
        if self.keep != Keep::Nothing {
            if self.inflate.is_some() {
                self.unpack(these);
            } else {
                self.store(these);
            }
        }
        if !matches!(self.stage, Stage::Broken) {
            let left = left - now as u64;
            self.stage = Stage::Known(left);
            if left == 0 {
                self.close();
                self.stage = if self.described {
                    Stage::Descriptor
                } else {
                    Stage::Header
                };
            }
        }
        rest
    }

    fn store(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
    }

    /// Inflates; says how many bytes were read and whether the entry is at its end.
    fn unpack(&mut self, bytes: &[u8]) -> (usize, bool) {
        let Some(mut inflate) = self.inflate.take() else {
            return (0, true);
        };
        let mut out = [0_u8; 16 * 1024];
        let mut read = 0;
        let mut ended = false;
        loop {
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(&bytes[read..], &mut out, FlushDecompress::None);
            let took = usize::try_from(inflate.total_in() - before_in).unwrap_or(0);
            let made = usize::try_from(inflate.total_out() - before_out).unwrap_or(0);
            read += took;
            self.unpacked += made as u64;
            if self.keep != Keep::Nothing {
                self.store(&out[..made]);
            }
            match status {
                Ok(Status::StreamEnd) => ended = true,
                Ok(_) if took > 0 || made > 0 => continue,
                Ok(_) => {}
                Err(_) => self.stage = Stage::Broken,
            }
            break;
        }
        self.inflate = Some(inflate);
        (read, ended)
    }

    fn streamed<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (read, ended) = self.unpack(bytes);
        if ended {
            self.measure(self.unpacked);
            self.close();
            self.stage = Stage::Descriptor;
        }
        &bytes[read..]
    }

    fn stored_streamed<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (byte, rest) = (bytes[0], &bytes[1..]);
        self.pending.push(byte);
        let length = self.pending.len();
        // Signature, checksum, packed length: where it says how much there was, it is the descriptor.
        if length >= 12 && number(&self.pending, length - 12, 4) == DESCRIPTOR {
            let told = number(&self.pending, length - 4, 4);
            if told == self.unpacked + (length - 12) as u64 {
                let contents: Vec<u8> = self.pending.drain(..length - 12).collect();
                self.store(&contents);
                self.measure(told);
                self.close();
                self.stage = Stage::Descriptor;
                return rest;
            }
        }
        if length > 4096 {
            let contents: Vec<u8> = self.pending.drain(..length - 12).collect();
            self.unpacked += contents.len() as u64;
            if self.keep != Keep::Nothing {
                self.store(&contents);
            }
        }
        rest
    }

    /// A descriptor has 12 to 24 bytes, and nothing in it says how many: what follows has a signature.
    fn descriptor<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (byte, rest) = (bytes[0], &bytes[1..]);
        self.pending.push(byte);
        let length = self.pending.len();
        if length >= 16 {
            let last = number(&self.pending, length - 4, 4);
            if matches!(length - 4, 12 | 16 | 20 | 24) && [LOCAL, CENTRAL, END].contains(&last) {
                self.pending.drain(..length - 4);
                self.stage = if last == LOCAL { Stage::Header } else { Stage::Done };
            } else if length >= 28 {
                self.stage = Stage::Broken;
            }
        }
        rest
    }
}

/// A little-endian number in a header; 0 beyond its end.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes
        .get(at..at + length)
        .unwrap_or_default()
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The lengths of a ZIP64 entry: unpacked, packed.
fn zip64(mut extra: &[u8]) -> Option<[u64; 2]> {
    while extra.len() >= 4 {
        let (id, length) = (number(extra, 0, 2), number(extra, 2, 2) as usize);
        if id == 1 {
            return Some([number(extra, 4, 8), number(extra, 12, 8)]);
        }
        extra = extra.get(4 + length..)?;
    }
    None
}
