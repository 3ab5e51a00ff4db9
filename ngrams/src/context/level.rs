//! The n-grams of one order of a document that are in the table.

use std::ops::RangeInclusive;

use crate::lookup::Found;

/// An n-gram whose df is of interest, and where it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub at: u32,
    pub slot: u32,
    pub df: u32,
}

/// What was found of one order: its df everywhere, and a list of those of interest, which is short where the order is long.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// By position, between two empty places; 0 where the table has none.
    df: Vec<u32>,
    /// Ascending by position.
    places: Vec<Place>,
}

impl Level {
    /// Replaces everything: of the document's n-grams at `positions` positions those at `asked` were looked up,
    /// ascending, and `found` are the answers. All others are not in the table. Those with a df in `listed` are listed.
    pub(super) fn fill(
        &mut self,
        positions: usize,
        asked: impl Iterator<Item = u32>,
        found: impl ExactSizeIterator<Item = Found>,
        listed: RangeInclusive<u32>,
    ) {
        let (least, most) = (*listed.start().max(&1), *listed.end());
        self.df.clear();
        self.df.resize(positions + 2, 0);
        self.places.resize(found.len(), Place::default());
        let mut length = 0;
        for (at, Found { slot, df }) in asked.zip(found) {
            self.df[at as usize + 1] = df;
            // Which count is too irregular for a branch: each is written, and kept or overwritten.
            self.places[length] = Place { at, slot, df };
            length += usize::from((df >= least) & (df <= most));
        }
        self.places.truncate(length);
    }

    /// The df of every n-gram, position by position, between two empty places.
    pub(super) fn df(&self) -> &[u32] {
        &self.df
    }

    /// Replaces `at` by the positions of the n-grams one token longer of which both n-grams inside are listed.
    pub(super) fn longer(&self, at: &mut Vec<u32>) {
        at.resize(self.places.len(), 0);
        let mut length = 0;
        for pair in self.places.windows(2) {
            at[length] = pair[0].at;
            length += usize::from(pair[1].at == pair[0].at + 1);
        }
        at.truncate(length);
    }

    /// Those that are listed, each with whether an n-gram one token longer around it has the same df.
    #[inline]
    pub(super) fn extended(&self, longer: &Self) -> impl ExactSizeIterator<Item = (Place, bool)> {
        self.places.iter().map(|&place| {
            let at = place.at as usize;
            // The longer ones that begin one place before and at the same place.
            (place, (longer.df[at] == place.df) | (longer.df[at + 1] == place.df))
        })
    }

    /// The same where no longer ones were counted: with whether both neighbours have the same df, so that it is likely inside a
    /// longer sequence.
    #[inline]
    pub(super) fn inside(&self) -> impl Iterator<Item = (Place, bool)> {
        self.places.iter().map(|&place| {
            let at = place.at as usize;
            (place, (self.df[at] == place.df) & (self.df[at + 2] == place.df))
        })
    }
}
