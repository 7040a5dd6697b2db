//! Reads who is accused out of the errors of the cggmp24 libraries.

use std::fmt::Debug;

use crate::ceremony::Refusal;

/// The libraries keep their reasons private, but print them: `Aborted(…)` around everything that a
/// peer did, `faulty_party: 2` or `parties: [2]` for whom they accuse. The versions are pinned, and
/// tests provoke each form. The text goes nowhere else.
pub(crate) fn refusal(error: &impl Debug) -> Refusal {
    let text = format!("{error:?}");
    if !text.contains("Aborted(") {
        return Refusal::Aborted;
    }
    // Whoever sees a different echo cannot know who lied: the first sender or the carrier.
    if text.contains("NotReliable") {
        return Refusal::Equivocation;
    }
    let accused = ["faulty_party: ", "parties: ["].into_iter().find_map(|before| {
        let (_, rest) = text.split_once(before)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    });
    match accused {
        Some(seat) => Refusal::Cheating { seat },
        None => Refusal::CheatingUnattributed,
    }
}
