//! The page: what a reader of HTML, here Python's, finds in it, whatever the capture holds.

use serde_json::Value;

use crate::formats::escapes::MARKUP;
use crate::formats::escapes::analysed;
use crate::formats::goldens;
use crate::formats::on;
use crate::formats::piped;
use crate::run::Sample;

/// Tags with their attributes, and the texts of scripts and styles with the hashes that the policy names.
const READ: &str = "
import base64, hashlib, html.parser, json, sys
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.open, self.hashes, self.faults, self.policy = [], [], [], [], ''
    def handle_starttag(self, tag, attributes):
        self.tags.append([tag, dict(attributes)])
        if dict(attributes).get('http-equiv') == 'Content-Security-Policy': self.policy = dict(attributes)['content']
        if tag not in ('meta', 'input', 'path', 'line', 'circle', 'rect'): self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.tags.append([tag, dict(attributes)])
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag: self.faults.append(tag)
    def handle_data(self, data):
        if self.open and self.open[-1] in ('script', 'style'):
            self.hashes.append(base64.b64encode(hashlib.sha256(data.encode()).digest()).decode())
page = Page()
page.feed(open(sys.argv[1], encoding='utf-8').read())
page.close()
print(json.dumps({'tags': page.tags, 'left': page.open, 'hashes': page.hashes, 'faults': page.faults, 'policy': page.policy}))
";

fn read(page: &str) -> Value {
    serde_json::from_str(&piped("python3", &["-c", READ], page)).expect("Python prints JSON")
}

/// The tags and attributes that the page is made of. What is not among them came from somewhere else.
const TAGS: &str = "html head meta title style body a header h1 h2 h3 h4 div p b nav ul ol li main section button pre article span \
    details summary code svg line text path g circle rect table thead tbody tr th td label input footer script";
const ATTRIBUTES: &str = "lang charset http-equiv content name class href id aria-label aria-labelledby type hidden data-copy tabindex \
    role viewbox width height x y x1 x2 y1 y2 d fill stroke stroke-width text-anchor font-weight cx cy r rx scope open";

#[test]
fn a_page_is_that_of_its_sample() {
    goldens(&[("register-wrong-password-403", &["analyze", "--quiet", "--format", "html"], "report.html")]);
}

fn check_page(name: &str, page: &str) {
    let read = read(page);
    let (tags, attributes): (Vec<&str>, Vec<&str>) =
        (TAGS.split_whitespace().collect(), ATTRIBUTES.split_whitespace().collect());
    let mut ids = std::collections::BTreeSet::new();
    let mut links = Vec::new();
    for tag in read["tags"].as_array().expect("a list") {
        assert!(tags.contains(&tag[0].as_str().expect("a name")), "{name}: {tag}");
        for (attribute, value) in tag[1].as_object().expect("attributes") {
            assert!(attributes.contains(&attribute.as_str()), "{name}: {tag}");
            match attribute.as_str() {
                "id" => assert!(ids.insert(value.as_str().expect("text").to_owned()), "{name}: two of {value}"),
                "href" => links.push(value.as_str().expect("text").to_owned()),
                _ => {}
            }
        }
    }
    let none = serde_json::json!([]);
    assert_eq!((&read["left"], &read["faults"]), (&none, &none), "{name}: every element is closed");
    for link in links {
        let target = link.strip_prefix('#').unwrap_or_else(|| panic!("{name}: leads away: {link}"));
        assert!(ids.contains(target), "{name}: leads nowhere: {link}");
    }
    let policy = read["policy"].as_str().expect("a policy");
    assert!(policy.starts_with("default-src 'none'; base-uri 'none'; form-action 'none'; "), "{policy}");
    let hashes = read["hashes"].as_array().expect("a list");
    assert_eq!(hashes.len(), 2, "{name}: one style, one script");
    for hash in hashes {
        assert!(policy.contains(&format!("'sha256-{}'", hash.as_str().expect("text"))), "{name}: {hash}: {policy}");
    }
}

#[test]
fn pages_are_well_formed_and_load_nothing() {
    for sample in Sample::all().into_iter().step_by(4) {
        let page = on(&sample, &["analyze", "--quiet", "--format", "html"]).stdout;
        check_page(&sample.name, &page);
        assert!(!page.contains("http://") && !page.contains("https://"), "{}", sample.name);
    }
}

#[test]
fn markup_from_the_wire_is_text() {
    for redact in ["default", "none"] {
        let page = analysed(MARKUP, &["analyze", "--format", "html", "--redact", redact]).stdout;
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "the attack must be there");
        check_page("attack", &page);
    }
}
