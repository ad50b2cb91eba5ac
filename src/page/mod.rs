//! Runs as one page of HTML, from the files of their folders alone: written with all that it shows, or served while the
//! runs train.

mod feed;
mod server;

use serde_json::Value;

pub use feed::Feed;
pub use server::Server;

/// The look of every page.
pub const STYLE: &str = include_str!("../../web/style.css");
const PAGE: &str = include_str!("../../web/report.html");
const SCRIPT: &str = include_str!("../../web/report.js");

/// Colour `i` of the page's style, as CSS.
pub fn colour(i: usize) -> String {
    format!("var(--c{})", i % 6)
}

/// The page of these messages of a [`Feed`]; without them it asks its server for the stream of them.
pub fn html(news: Option<&[Value]>) -> String {
    // No text in it can end the element that holds it.
    let news = serde_json::to_string(&news).unwrap_or_default().replace('<', "\\u003c");
    filled(PAGE, &[("<!--style-->", STYLE), ("<!--news-->", &news), ("<!--script-->", SCRIPT)])
}

/// A template with its places filled. What is put in is not searched for other places.
pub fn filled(template: &str, parts: &[(&str, &str)]) -> String {
    let next = |rest: &str| parts.iter().filter_map(|(place, text)| Some((rest.find(place)?, *place, *text))).min();
    let (mut page, mut rest) = (String::new(), template);
    while let Some((at, place, text)) = next(rest) {
        page += &rest[..at];
        page += text;
        rest = &rest[at + place.len()..];
    }
    page + rest
}

/// Text that a page shows as it is.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
