use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::needles::Needles;
use super::report::{Hit, Place, Report};
use crate::Error;

/// Read at once, in bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// Searches every regular file under a directory. Symbolic links are not followed.
///
/// # Errors
/// [`Error::Io`] when a directory cannot be listed. Files that cannot be read are named in the
/// report: they may be sockets, or gone.
pub fn search_dir(needles: &Needles, dir: &Path) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        let entries = std::fs::read_dir(&dir).map_err(|e| Error::io("list", &dir, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", &dir, e))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| Error::io("look at", &path, e))?;
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file()
                && let Err(error) = search_file(needles, &path, &mut report)
            {
                report.skipped.push(format!("{}: {error}", path.display()));
            }
        }
    }
    Ok(report)
}

fn search_file(needles: &Needles, path: &Path, report: &mut Report) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let mut window = Vec::with_capacity(CHUNK_BYTES + needles.overlap());
    // Where the window starts in the file, and how much of it was searched before.
    let (mut start, mut seen) = (0_u64, 0_usize);
    loop {
        let read = file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut window)?;
        if read == 0 {
            break;
        }
        report.bytes_searched += read as u64;
        for (offset, name, form) in needles.find(&window) {
            let hit = Hit {
                name: name.to_owned(),
                form,
                place: Place::File { path: path.to_owned(), offset: start + offset as u64 },
            };
            // What lies wholly in the part carried over was reported with the chunk before.
            if offset + needles.overlap() >= seen && !report.hits.contains(&hit) {
                report.hits.push(hit);
            }
        }
        let keep = needles.overlap().min(window.len());
        start += (window.len() - keep) as u64;
        window.drain(..window.len() - keep);
        seen = keep;
    }
    report.places_searched += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrecy::{Form, Needle, forms_of};

    const SECRET: [u8; 32] = *b"\x91\x02\xfe\x41the canary that must be foun";

    fn needles() -> Needles {
        Needles::new(vec![Needle::new("canary", SECRET.to_vec())]).unwrap()
    }

    #[test]
    fn a_planted_secret_is_found_in_every_form() {
        let dir = tempfile::tempdir().unwrap();
        for (i, (form, bytes)) in forms_of(&SECRET).into_iter().enumerate() {
            let file = dir.path().join(format!("{i}-{form}"));
            std::fs::write(file, [b"before", &bytes[..], b"after"].concat()).unwrap();
        }
        let report = search_dir(&needles(), dir.path()).unwrap();
        assert_eq!(report.forms_of("canary"), Form::ALL.iter().copied().collect());
        assert!(report.skipped.is_empty());
    }

    #[test]
    fn a_secret_across_two_chunks_is_found_once_at_its_place() {
        let dir = tempfile::tempdir().unwrap();
        for back in [1, 16, 31] {
            let offset = CHUNK_BYTES - back;
            let mut content = vec![b'.'; 2 * CHUNK_BYTES + 5];
            content[offset..offset + 32].copy_from_slice(&SECRET);
            let path = dir.path().join("big");
            std::fs::write(&path, content).unwrap();
            let report = search_dir(&needles(), dir.path()).unwrap();
            let place = Place::File { path, offset: offset as u64 };
            let hits: Vec<_> = report.hits.iter().filter(|h| h.form == Form::Raw).collect();
            assert_eq!(hits.len(), 1, "{back} bytes before the border");
            assert_eq!(hits[0].place, place);
        }
    }

    #[test]
    fn other_bytes_are_no_hit() {
        let dir = tempfile::tempdir().unwrap();
        let mut close = SECRET;
        close[31] ^= 1;
        std::fs::write(dir.path().join("close"), close).unwrap();
        assert!(search_dir(&needles(), dir.path()).unwrap().hits.is_empty());
    }
}
