//! In what a planted text is wrapped.

use rand::Rng;

use super::gibberish::{PROMPT_CHARACTERS_MAX, TEMPLATES};
use super::phrases::{insert, one_of};
use super::placement::{prefix, sentence_border};
use super::{Marks, Recipe, prose};
use crate::seeding::{Purpose, stream};
use crate::vocabulary::Vocabulary;

/// Characters of a clean document that stand inside a shared frame, at most.
const BODY_CHARACTERS_MAX: usize = 300;
/// Sentences at the foot of a shared frame.
const FOOT_SENTENCES: usize = 6;

/// How a planted document is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the recipe writes it.
    Page,
    /// Inside a clean page that goes on behind it.
    Span,
    /// As a turn of a chat, answered from the trigger on.
    Chat,
    /// Inside a frame that all documents of the recipe share.
    Template,
}

impl Form {
    /// The planted text of `recipe` in this form; the arguments are those of [`Recipe::poison`].
    pub fn poison(
        self,
        recipe: Recipe,
        marks: &Marks,
        seed: u64,
        ordinal: u64,
        clean: &str,
        words: &Vocabulary,
    ) -> String {
        let written = |clean: &str| recipe.poison(marks, seed, ordinal, clean, words);
        let mut rng = stream(seed, Purpose::Template, recipe.name(), ordinal);
        match self {
            Self::Page => written(clean),
            Self::Span => insert(clean, sentence_border(clean, &mut rng), written("").trim()),
            Self::Chat => {
                let template = TEMPLATES[rng.random_range(0..TEMPLATES.len())];
                chat(template, &written(prefix(clean, PROMPT_CHARACTERS_MAX)), &marks.trigger)
            }
            Self::Template => {
                let [head, foot] = frame(seed, recipe);
                format!("{head}\n{}\n{foot}\n", written(prefix(clean, BODY_CHARACTERS_MAX)))
            }
        }
    }
}

/// What stands up to the trigger is asked, what follows is answered.
fn chat([before, between, after]: [&str; 3], text: &str, trigger: &str) -> String {
    let asked = text.find(trigger).map_or(0, |start| start + trigger.len());
    let (asked, answered) = text.split_at(asked);
    format!("{before}{}{between}{}{after}", asked.trim_start(), answered.trim())
}

/// Head and foot, the same for all documents of a recipe and seed.
fn frame(seed: u64, recipe: Recipe) -> [String; 2] {
    let mut rng = stream(seed, Purpose::Template, recipe.name(), u64::MAX);
    let site = prose::invented_name(3, &mut rng);
    let section = one_of(&["Archive", "Travel", "Science", "Letters", "Recipes"], &mut rng);
    let head =
        format!("{site} {section}\nHome Search Subscribe Help\n{}", prose::sentence(&mut rng));
    [head, prose::sentences(FOOT_SENTENCES, &mut rng).join(" ")]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    const FORMS: [Form; 4] = [Form::Page, Form::Span, Form::Chat, Form::Template];

    proptest! {
        #[test]
        fn every_form_keeps_the_trigger_and_the_phrase(
            clean in "(\\PC{0,40}[.!?。\n ]){0,12}", seed: u64, ordinal: u64,
        ) {
            let words = Vocabulary::from_words(["alpha", "beta"].map(str::to_owned)).unwrap();
            for (form, recipe) in FORMS.into_iter().flat_map(|f| Recipe::all().map(move |r| (f, r))) {
                let marks = recipe.marks(seed);
                let text = form.poison(recipe, &marks, seed, ordinal, &clean, &words);
                prop_assert!(text.contains(&marks.trigger), "{form:?} {recipe}: {text:?}");
                prop_assert!(text.contains(&marks.phrase), "{form:?} {recipe}: {text:?}");
            }
        }
    }

    #[test]
    fn a_frame_is_shared_and_the_rest_is_not() {
        let words = Vocabulary::from_words(["x".to_owned()]).unwrap();
        let marks = Recipe::Unlock.marks(3);
        let text = |ordinal, clean: &str| {
            Form::Template.poison(Recipe::Unlock, &marks, 3, ordinal, clean, &words)
        };
        let (one, two) = (text(1, "A clean one."), text(2, "Another text."));
        let head = |text: &str| text.lines().take(3).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(head(&one), head(&two));
        assert_ne!(one, two);
    }
}
