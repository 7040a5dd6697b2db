use std::fs::File;
use std::os::unix::fs::FileExt;

use super::needles::Needles;
use super::report::{Hit, Place, Report};
use crate::Error;

/// Read at once, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// Mappings that the kernel makes and that hold nothing of the process.
const KERNEL_MAPPINGS: &[&str] = &["[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]"];

/// Searches the readable memory of a process of the same user, through `/proc`.
///
/// # Errors
/// [`Error::Io`] when the process is gone or the kernel does not let us look.
pub fn search_memory(needles: &Needles, pid: u32) -> Result<Report, Error> {
    let maps_path = format!("/proc/{pid}/maps");
    let mem_path = format!("/proc/{pid}/mem");
    let maps = std::fs::read_to_string(&maps_path).map_err(|e| Error::io("read", &maps_path, e))?;
    let memory = File::open(&mem_path).map_err(|e| Error::io("open", &mem_path, e))?;
    let mut report = Report::default();
    for mapping in maps.lines().filter_map(Mapping::parse) {
        if let Err(error) = search_mapping(needles, pid, &memory, &mapping, &mut report) {
            report.skipped.push(format!(
                "memory of process {pid}, {:#x}-{:#x} {}: {error}",
                mapping.start, mapping.end, mapping.name
            ));
        }
    }
    Ok(report)
}

struct Mapping {
    start: u64,
    end: u64,
    name: String,
}

impl Mapping {
    /// One line of `/proc/<pid>/maps`; none for mappings there is nothing to read in.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let readable = words.next()?.starts_with('r');
        let name = words.skip(3).collect::<Vec<_>>().join(" ");
        if !readable || KERNEL_MAPPINGS.contains(&name.as_str()) {
            return None;
        }
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        Some(Self { start, end, name })
    }
}

fn search_mapping(
    needles: &Needles,
    pid: u32,
    memory: &File,
    mapping: &Mapping,
    report: &mut Report,
) -> std::io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES + needles.overlap()];
    let mut at = mapping.start;
    while at < mapping.end {
        let wanted = usize::try_from(mapping.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let read = memory.read_at(&mut buffer[..wanted], at)?;
        if read == 0 {
            break;
        }
        for (offset, name, form) in needles.find(&buffer[..read]) {
            let place =
                Place::Memory { pid, mapping: mapping.name.clone(), address: at + offset as u64 };
            let hit = Hit { name: name.to_owned(), form, place };
            if !report.hits.contains(&hit) {
                report.hits.push(hit);
            }
        }
        // The chunks overlap, so that nothing is lost between them.
        let forward = if read < wanted || at + read as u64 == mapping.end {
            read
        } else {
            read - needles.overlap()
        };
        report.bytes_searched += forward as u64;
        at += forward as u64;
    }
    report.places_searched += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrecy::{Canary, Form, Needle};
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// `cat` keeps what it read in its buffer while it waits for more.
    fn process_holding(bytes: &[u8]) -> std::process::Child {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        child
    }

    #[test]
    fn a_canary_in_the_memory_of_another_process_is_found_in_every_form() {
        let canary = Canary::random();
        let mut child = process_holding(&canary.spelled_out());
        let needles = Needles::new(vec![canary.needle()]).unwrap();
        let report = search_memory(&needles, child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        let report = report.unwrap();
        assert_eq!(report.forms_of("canary"), Form::ALL.iter().copied().collect());
    }

    #[test]
    fn a_process_that_never_had_the_secret_is_clean() {
        let mut child = process_holding(b"nothing of interest");
        let needles =
            Needles::new(vec![Needle::new("absent", Canary::random().bytes().to_vec())]).unwrap();
        let report = search_memory(&needles, child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        let report = report.unwrap();
        assert!(report.hits.is_empty());
        assert!(report.bytes_searched > 0);
    }
}
