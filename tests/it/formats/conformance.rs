//! Pages by the standard of HTML: html5ever, which reads as browsers do, has nothing to say about any of them, and whatever names a
//! part of the page names one that is there.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use html5ever::ParseOpts;
use html5ever::tendril::TendrilSink;
use html5ever::tokenizer::TokenizerOpts;
use html5ever::tree_builder::QuirksMode;
use html5ever::tree_builder::TreeBuilderOpts;
use markup5ever_rcdom::Handle;
use markup5ever_rcdom::NodeData;
use markup5ever_rcdom::RcDom;

use crate::formats::escapes::MARKUP;
use crate::formats::escapes::analysed;
use crate::hostile;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

/// An element: its name, its attributes, and the text right within it.
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

/// What a page is made of, in order, and what is wrong with it.
fn parsed(page: &str) -> (Vec<Element>, Vec<String>) {
    let options = ParseOpts {
        tokenizer: TokenizerOpts { exact_errors: true, ..TokenizerOpts::default() },
        tree_builder: TreeBuilderOpts { exact_errors: true, ..TreeBuilderOpts::default() },
    };
    let dom = html5ever::parse_document(RcDom::default(), options).one(page);
    let mut faults: Vec<String> = dom.errors.borrow().iter().map(ToString::to_string).collect();
    if dom.quirks_mode.get() != QuirksMode::NoQuirks {
        faults.push("browsers take it for a page of the last century".to_owned());
    }
    let (mut elements, mut waiting): (Vec<Element>, Vec<Handle>) = (Vec::new(), vec![dom.document.clone()]);
    while let Some(node) = waiting.pop() {
        waiting.extend(node.children.borrow().iter().rev().cloned());
        let NodeData::Element { name, attrs, .. } = &node.data else { continue };
        let attributes = attrs.borrow();
        let attributes = attributes.iter().map(|one| (one.name.local.to_string(), one.value.to_string())).collect();
        let children = node.children.borrow();
        let text = children.iter().filter_map(|child| match &child.data {
            NodeData::Text { contents } => Some(contents.borrow().to_string()),
            _ => None,
        });
        elements.push(Element { name: name.local.to_string(), attributes, text: text.collect() });
    }
    (elements, faults)
}

/// Attributes that name a part of the page, or several.
const NAMING: [&str; 5] = ["aria-labelledby", "aria-describedby", "aria-controls", "for", "data-copy"];

fn faults_of(page: &str) -> Vec<String> {
    let (elements, mut faults) = parsed(page);
    let mut ids = BTreeSet::new();
    for id in elements.iter().filter_map(|element| element.attributes.get("id")) {
        if !ids.insert(id.as_str()) || id.is_empty() || id.contains(char::is_whitespace) {
            faults.push(format!("an id that is none, or a second time: {id:?}"));
        }
    }
    let mut level = 0;
    for Element { name, attributes, text } in &elements {
        for (attribute, value) in attributes {
            let named: Vec<&str> = match attribute.as_str() {
                "href" => value.strip_prefix('#').into_iter().collect(),
                attribute if NAMING.contains(&attribute) => value.split_whitespace().collect(),
                _ => continue,
            };
            if named.is_empty() || named.iter().any(|id| !ids.contains(id)) {
                faults.push(format!("{attribute}={value:?} leads nowhere"));
            }
        }
        let has = |attribute: &str| attributes.get(attribute).is_some_and(|value| !value.is_empty());
        let needed: &[&str] = match name.as_str() {
            "html" => &["lang"],
            "button" => &["type"],
            "th" => &["scope"],
            "svg" => &["role", "aria-labelledby", "viewBox"],
            "nav" => &["aria-label"],
            _ if attributes.get("role").is_some_and(|role| role == "region") => &["aria-label", "tabindex"],
            _ => &[],
        };
        faults.extend(needed.iter().filter(|one| !has(one)).map(|one| format!("{name} has no {one}")));
        if let Some(this) = name.strip_prefix('h').and_then(|level| level.parse::<u32>().ok()) {
            if this > level + 1 {
                faults.push(format!("{name} {text:?} stands below a heading of {level}"));
            }
            level = this;
        }
        if attributes.contains_key("src")
            || attributes.contains_key("style")
            || attributes.keys().any(|key| key.starts_with("on"))
        {
            faults.push(format!("{name} loads or does something: {attributes:?}"));
        }
    }
    let count = |name: &str| elements.iter().filter(|element| element.name == name).count();
    for name in ["html", "head", "body", "main", "h1"] {
        if count(name) != 1 {
            faults.push(format!("{} of {name}", count(name)));
        }
    }
    for list in ["ul", "ol", "tbody"] {
        // Each is printed with what is in it.
        if page.contains(&format!("<{list}></{list}>")) {
            faults.push(format!("an empty {list}"));
        }
    }
    faults
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let page = |body: &str| {
        format!(
            "<!DOCTYPE html><html lang=en><head><title>t</title></head><body><main><h1>x</h1>{body}</main></body></html>"
        )
    };
    let none: [String; 0] = [];
    assert_eq!(faults_of(&page("<p id=a><a href='#a'>b</a></p>")), none);
    for wrong in [
        "<p></b></p>",
        "<p>&nosuch;</p>",
        "<p id=a id=b>",
        "<p><div></div></p>",
        "<h3>x</h3>",
        "<p id=a><p id=a>",
        "<a href='#b'>x</a>",
        "<a href='https://b'>x</a>",
        "<svg></svg>",
        "<p onclick='x()'>",
        "<ul></ul>",
    ] {
        assert!(!faults_of(&page(wrong)).is_empty(), "{wrong}");
    }
}

#[test]
fn every_page_is_what_the_standard_admits() {
    let mut pages: Vec<(String, String)> = Vec::new();
    for sample in Sample::all() {
        let run = sample.analyze(&["--quiet", "--fail-on", "never", "--format", "html"]);
        pages.push((sample.name, run.stdout));
    }
    for redact in ["default", "none", "strict"] {
        for attack in [MARKUP, hostile::ATTACK] {
            let page = analysed(attack, &["analyze", "--format", "html", "--redact", redact]).stdout;
            pages.push((format!("attack, {redact}"), page));
        }
    }
    let folder = Sample::named("register-ok").folder;
    let compare = |words: &[&str]| run(sipauth(&folder).args(["compare", "-q", "--format", "html"]).args(words)).stdout;
    pages.push(("compared".to_owned(), compare(&["capture.pcap", "../register-wrong-password-403/capture.pcap"])));
    pages.push(("compared with itself".to_owned(), compare(&["capture.pcap", "capture.pcap"])));
    for (name, page) in pages {
        assert!(page.starts_with("<!DOCTYPE html>"), "{name}");
        let faults = faults_of(&page);
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}
