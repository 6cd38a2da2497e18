//! The mark by which a vnet is known to be ours: the last words of its alias.
//!
//! ```text
//! Lab network site=S net=lab zone=made run=…
//! ```
//! An alias is the only free text of all of SDN. What people wrote comes first. Fields are one word each;
//! unknown ones are kept. Does no I/O.

use std::fmt;

const SITE: &str = "site=";
const NET: &str = "net=";
const ZONE: &str = "zone=";
const RUN: &str = "run=";

/// The mark in a vnet's alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The site that the network belongs to.
    pub(crate) site: String,
    /// The network: its zone's ID.
    pub(crate) net: String,
    /// Where its zone comes from.
    pub(crate) zone: Origin,
    /// The nonce of the run that wrote the mark; not part of the identity.
    pub(crate) run: String,
    /// Fields of a later build, as they are.
    pub(crate) other: String,
}

/// Where the zone of a vnet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A run of this site made it.
    Made,
    /// It existed and is not ours.
    Given,
}

/// What an alias says about the owner of a vnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Nothing.
    Unmarked,
    /// Our mark.
    Mark(Mark),
    /// Parts of a mark, or more than one: nobody's, since a vnet must not answer to two names.
    Broken,
}

/// An alias: what people wrote, and what it says about the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    /// What people wrote, with single blanks; empty for nothing.
    pub(crate) people: String,
    /// The mark.
    pub(crate) words: Words,
}

impl Alias {
    /// Reads an alias.
    pub(crate) fn read(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let starts: Vec<usize> = (0..words.len())
            .filter(|at| words.get(*at).is_some_and(|word| word.starts_with(SITE)))
            .collect();
        let of_people = |words: &[&str]| words.join(" ");
        let [start] = starts.as_slice() else {
            let is_marked = starts.len() > 1 && words.iter().any(|word| word.starts_with(NET));
            let words_of_mark = if is_marked { Words::Broken } else { Words::Unmarked };
            return Self { people: of_people(&words), words: words_of_mark };
        };
        let (people, mark) = words.split_at(*start);
        match Mark::of_words(mark) {
            Some(mark) => Self { people: of_people(people), words: Words::Mark(mark) },
            // Without the network it may be anybody's text, such as "site=berlin".
            None if !mark.iter().any(|word| word.starts_with(NET)) => {
                Self { people: of_people(&words), words: Words::Unmarked }
            }
            None => Self { people: of_people(people), words: Words::Broken },
        }
    }

    /// Returns the alias of a vnet with a mark.
    pub(crate) fn write(people: &str, mark: &Mark) -> String {
        match people {
            "" => mark.to_string(),
            people => format!("{people} {mark}"),
        }
    }
}

impl Mark {
    fn of_words(words: &[&str]) -> Option<Self> {
        let mut rest = Vec::new();
        let [mut site, mut net, mut zone, mut run] = [None, None, None, None];
        for word in words {
            let (field, value) = match word.split_once('=')? {
                ("site", value) => (&mut site, value),
                ("net", value) => (&mut net, value),
                ("zone", value) => (&mut zone, value),
                ("run", value) => (&mut run, value),
                _ => {
                    rest.push(*word);
                    continue;
                }
            };
            if field.replace(value).is_some() {
                return None;
            }
        }
        let zone = match zone? {
            "made" => Origin::Made,
            "given" => Origin::Given,
            _ => return None,
        };
        let named = |value: Option<&str>| value.filter(|v| !v.is_empty()).map(str::to_owned);
        Some(Self {
            site: named(site)?,
            net: named(net)?,
            zone,
            run: run?.to_owned(),
            other: rest.join(" "),
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = match self.zone {
            Origin::Made => "made",
            Origin::Given => "given",
        };
        let Self { site, net, run, other, .. } = self;
        write!(f, "{SITE}{site} {NET}{net} {ZONE}{zone} {RUN}{run}")?;
        if other.is_empty() { Ok(()) } else { write!(f, " {other}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            site: "home".into(),
            net: "lab".into(),
            zone: Origin::Made,
            run: "0af3".into(),
            other: String::new(),
        }
    }

    fn check(text: &str, people: &str, words: &Words) {
        let alias = Alias::read(text);
        assert_eq!((alias.people.as_str(), &alias.words), (people, words), "{text:?}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for people in ["", "Lab network", "net=x", "(a) b_c;d=e zone=made"] {
            let text = Alias::write(people, &mark());
            check(&text, people, &Words::Mark(mark()));
        }
        let later = Mark { zone: Origin::Given, other: "v=2 x".into(), ..mark() };
        assert_eq!(Alias::read(&later.to_string()).words, Words::Broken);
        let later = Mark { zone: Origin::Given, other: "v=2 x=".into(), ..mark() };
        check(&later.to_string(), "", &Words::Mark(later.clone()));
    }

    #[test]
    fn hostile_aliases_are_nobodys() {
        let ours = mark().to_string();
        check("", "", &Words::Unmarked);
        check(" \t\n ", "", &Words::Unmarked);
        check("site=berlin, second floor", "site=berlin, second floor", &Words::Unmarked);
        check("my site=home net=lab", "my", &Words::Broken);
        check("site=home net=lab zone=made", "", &Words::Broken);
        check("site=home net=lab zone=mine run=1", "", &Words::Broken);
        check("site= net=lab zone=made run=1", "", &Words::Broken);
        check("site=home net= zone=made run=1", "", &Words::Broken);
        check("site=home net=lab net=dmz zone=made run=1", "", &Words::Broken);
        check(&format!("{ours} and more"), "", &Words::Broken);
        let twice = format!("{ours} {ours}");
        check(&twice, &twice, &Words::Broken);
        check(&ours.replace(' ', "\n"), "", &Words::Mark(mark()));
        check(&format!("x\n{ours}"), "x", &Words::Mark(mark()));
        check(&ours.to_uppercase(), &ours.to_uppercase(), &Words::Unmarked);
        check(&ours.replace(' ', ""), &ours.replace(' ', ""), &Words::Unmarked);
    }
}
