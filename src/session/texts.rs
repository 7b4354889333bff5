//! The texts of one run, each kept once: a From URI or a User-Agent is the same in nearly every message.

/// A text of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId(u32);

/// The texts of one run, in order of appearance.
#[derive(Debug, Default)]
pub struct Texts {
    texts: Vec<Box<[u8]>>,
}

/// How many of the latest texts are compared before a text is kept again. Bounds the work a hostile dialog can cause.
const COMPARED_MAX: usize = 24;

impl Texts {
    /// Keeps a text; a recent equal one is used again.
    pub fn keep(&mut self, text: &[u8]) -> TextId {
        let recent = self.texts.iter().enumerate().rev().take(COMPARED_MAX);
        let known = recent.map(|(index, kept)| (index, kept)).find(|(_, kept)| ***kept == *text).map(|(index, _)| index);
        let index = known.unwrap_or_else(|| {
            self.texts.push(text.into());
            self.texts.len() - 1
        });
        TextId(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The text's bytes.
    pub fn get(&self, id: TextId) -> &[u8] {
        self.texts.get(id.0 as usize).map_or(&[], |text| text)
    }
}
