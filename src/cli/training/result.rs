//! What a training says when all its steps are done.

use std::time::Instant;

use serde_json::{Map, Value};

use super::Training;
use crate::{
    cli::{eval::too_few_images, minutes, progress::duration, shown},
    data::{self, ModeScore},
    error::{Result, counted},
    files::quoted,
    health::HEALTH,
    models::{self, BOUND},
    run::resumption,
    session,
};

impl Training {
    /// What a run says at its end, in lines.
    pub(super) fn result(&mut self) -> Result<Vec<String>> {
        let step = self.session.step();
        let done = counted((step - self.first) as usize, "step");
        let all = if self.first > 0 { format!(", {step} in all") } else { String::new() };
        let mut lines = vec![format!("{done} in {}{all}", duration(self.since.elapsed().as_secs_f64()))];
        if let Some(modes) = data::modes(&self.settings.data)
            && let Some(score) = self.count_modes()?
        {
            let all = modes.centres.len();
            let collapsed = if 2 * score.modes <= all { ": collapsed" } else { "" };
            self.last.append(&mut columns(&score));
            let kl = if score.modes > 0 { format!(", reverse KL {:.4}", score.reverse_kl) } else { String::new() };
            let (modes, quality) = (score.modes, 100.0 * score.high_quality_share);
            lines.push(format!("{modes} of {all} modes{collapsed}, high quality {quality:.1} %{kl}"));
        }
        let wrong = self.last.get(HEALTH).and_then(Value::as_object).into_iter().flat_map(Map::values);
        lines.extend(wrong.filter_map(|sentence| Some(format!("health  {}", sentence.as_str()?))));
        lines.push(format!("run     {}", shown(self.run.folder())));
        let samples = self.run.sample_path(step, self.shown_as);
        if samples.exists() {
            lines.push(format!("samples {}", shown(&samples)));
        }
        let run = quoted(self.run.folder());
        lines.extend(self.best.said(&self.run, step, self.dataset.shape.len() == 3));
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let more = resumption(self.run.folder());
        lines.extend(left.and_then(|left| minutes::early(left, self.since.elapsed(), step - self.first, step, &more)));
        lines.push(format!("next    saddle sample {run}"));
        // Of points only known modes and likelihoods are measured.
        let model =
            models::variant(&self.settings.variant)?.model(&self.settings, &session::examples(&self.dataset))?;
        let has_bound = model.named(&[BOUND]).next().is_some();
        let has_scores = self.dataset.shape.len() > 1 || data::modes(&self.settings.data).is_some() || has_bound;
        if has_scores && too_few_images(&self.dataset, self.settings.holdout).is_none() {
            lines.push(format!("        saddle eval {run}"));
        }
        Ok(lines)
    }
}

/// The columns of metrics about modes.
pub(super) fn columns(score: &ModeScore) -> Map<String, Value> {
    let quality = Value::from(score.high_quality_share as f32);
    Map::from_iter([("modes".to_string(), score.modes.into()), ("high_quality".to_string(), quality)])
}
