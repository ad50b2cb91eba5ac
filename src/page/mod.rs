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
    let parts = [("style", STYLE), ("news", &news), ("script", SCRIPT)];
    let mut page = String::new();
    let mut rest = PAGE;
    for (name, text) in parts {
        let (before, after) = rest.split_once(&format!("<!--{name}-->")).unwrap_or((rest, ""));
        page += before;
        page += text;
        rest = after;
    }
    page + rest
}

/// Text that a page shows as it is.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
