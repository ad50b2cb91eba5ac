//! What a command has said: notes and warnings of its parts, such as those on data that it reads twice, are said once.

use std::{collections::BTreeSet, sync::Mutex};

static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether a line is said for the first time in this command.
pub fn is_new(line: &str) -> bool {
    SAID.lock().is_ok_and(|mut said| said.insert(line.to_owned()))
}

/// Lets all be said anew, as of the next one of several runs.
pub fn forget() {
    SAID.lock().iter_mut().for_each(|said| said.clear());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_new_once() {
        let line = "a line of this test alone";
        assert_eq!([is_new(line), is_new(line), is_new("another of its lines")], [true, false, true]);
        forget();
        assert!(is_new(line));
    }
}
