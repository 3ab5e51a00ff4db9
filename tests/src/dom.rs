//! HTML as a browser would understand it: the standard's tree construction, by html5ever.

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// An element of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its name in lower case.
    pub name: String,
    /// Its attributes as they are written.
    pub attributes: Vec<(String, String)>,
    /// The text directly inside it.
    pub text: String,
}

impl Element {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A parsed page.
#[derive(Debug, Default)]
pub struct Dom {
    /// All elements, in document order.
    pub elements: Vec<Element>,
    /// Comments and processing instructions.
    pub comments: usize,
    /// All text, scripts and style sheets left out.
    pub text: String,
}

impl Dom {
    /// Parses a whole page.
    #[must_use]
    pub fn parse(html: &str) -> Self {
        let parsed = parse_document(RcDom::default(), ParseOpts::default()).one(html);
        let mut dom = Self::default();
        dom.visit(&parsed.document);
        dom
    }

    /// The elements of one name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements.iter().filter(move |element| element.name == name)
    }

    fn visit(&mut self, node: &Handle) {
        match &node.data {
            NodeData::Element { name, attrs, .. } => {
                let attribute =
                    |a: &html5ever::Attribute| (a.name.local.to_string(), a.value.to_string());
                self.elements.push(Element {
                    name: name.local.to_string(),
                    attributes: attrs.borrow().iter().map(attribute).collect(),
                    text: own_text(node),
                });
                if !["script", "style"].contains(&&*name.local) {
                    node.children.borrow().iter().for_each(|child| self.visit(child));
                }
            }
            NodeData::Text { contents } => self.text.push_str(&contents.borrow()),
            NodeData::Comment { .. } | NodeData::ProcessingInstruction { .. } => self.comments += 1,
            NodeData::Document | NodeData::Doctype { .. } => {
                node.children.borrow().iter().for_each(|child| self.visit(child));
            }
        }
    }
}

fn own_text(node: &Handle) -> String {
    let text = |child: &Handle| match &child.data {
        NodeData::Text { contents } => contents.borrow().to_string(),
        _ => String::new(),
    };
    node.children.borrow().iter().map(text).collect()
}
