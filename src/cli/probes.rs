//! The report of `saddle eval` on how much codes tell of the classes of examples.

use super::{EvalArgs, tell, trained::Asked};
use crate::{
    codes::{CODE, Encoder, FEATURES, LAYERS, Learned, POOLED, layers},
    data::{Dataset, Labels},
    error::{Result, counted},
    eval::{
        Better, Report, Row, Setup,
        classifier::Classifier,
        probes::{Representation, probed, probes},
    },
    graph::numel,
    metrics::choose,
    origin::Origin,
};

/// The layers that are probed: those of one vector for each example, without chance.
const PROBED: [&str; 4] = [CODE, FEATURES, POOLED, LAYERS];

/// Share of the usual number of examples that is probed of points and rows.
const OF_POINTS: f64 = 0.1;

/// Some examples of the part to learn from and of the held-out part.
struct Parts<'a> {
    sets: [&'a Dataset; 2],
    items: [Vec<usize>; 2],
}

impl Parts<'_> {
    /// What `of` makes of the examples of both parts.
    fn represented(
        &self,
        name: &str,
        width: usize,
        mut of: impl FnMut(&Dataset, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<Representation> {
        let mut part = |n: usize| -> Result<Vec<f64>> {
            Ok(of(self.sets[n], &self.items[n])?.into_iter().map(f64::from).collect())
        };
        Ok(Representation { name: name.into(), train: part(0)?, test: part(1)?, width })
    }

    /// The values of the examples as the model reads them.
    fn values(&self) -> Result<Representation> {
        let width = numel(&self.sets[0].shape);
        self.represented("values", width, |set, items| Ok(items.iter().flat_map(|&i| set.example(i)).collect()))
    }

    fn classes(&self, n: usize) -> Vec<u32> {
        let labels = self.sets[n].classes_of_examples().map_or(&[][..], |labels| &labels.ids);
        self.items[n].iter().map(|&i| labels[i]).collect()
    }

    /// How a classifier of images does that learned from all labels.
    fn classifier(&self, setup: &Setup) -> Result<String> {
        let [train, test] = self.sets;
        let mut classifier = Classifier::of(train, setup)?;
        let share = classifier.look_at_items(test, &self.items[1])?.accuracy(&self.classes(1));
        Ok(format!("a convolutional classifier that learned from all labels of `{}` tells {share:.4}", train.name))
    }
}

/// The probes of the values of examples, of their principal components, and of each layer of one vector; `None` for
/// data without classes or without held-out examples, and for models without layers.
///
/// # Errors
/// A device that fails; codes that are not finite.
pub fn report(
    args: &EvalArgs,
    trained: &Asked,
    train: &Dataset,
    test: Option<&Dataset>,
    setup: &Setup,
) -> Result<Option<Report>> {
    let of_several = |labels: &&Labels| labels.names.len() > 1;
    let Some(labels) = train.classes_of_examples().filter(of_several).filter(|_| args.only_data.is_none()) else {
        return Ok(None);
    };
    let skipped = |why: &str| {
        tell(format_args!("codes are not probed: {why}"));
        Ok(None)
    };
    let is_like = |test: &&Dataset| test.classes_of_examples().is_some_and(|of| of.names == labels.names);
    let Some(test) = test.filter(is_like) else {
        return skipped("there are no held-out examples of the same classes");
    };
    // Batch norm without moments of its own is calibrated by the run's data.
    if !Origin::in_checkpoint(&trained.checkpoint)?.unwrap_or_default().is_of(train) {
        return skipped("the data is not what the run learned from");
    }
    let layers = layers(&trained.model()?).into_iter().map(|layer| layer.name);
    let open = |name: String| Encoder::new(trained, Some(&name), args.model.adapter.as_deref());
    let mut encoders: Vec<Encoder> =
        layers.filter(|name| PROBED.contains(&name.as_str())).map(open).collect::<Result<_>>()?;
    // Nobody asks for codes of a model that has none.
    let Some(components) = encoders.first().map(Encoder::width) else { return Ok(None) };
    let width = numel(&train.shape);
    let widest = encoders.iter().map(Encoder::width).fold(width, usize::max);
    // Of points there are many more than their few values need, and the probes would take most of the evaluation.
    let effort = if matches!(train.shape[..], [_]) { OF_POINTS * args.effort } else { args.effort };
    let [count, held_out] = probed([train.len(), test.len()], widest, effort);
    // By chance, as classes may come in turn.
    let some = |set: &Dataset, count| {
        let mut items = choose(count, set.len(), setup.seed);
        items.sort_unstable();
        items
    };
    let held_out = args.count.map_or(held_out, |most| most.min(held_out));
    let parts = Parts { sets: [train, test], items: [some(train, count), some(test, held_out)] };
    // Numbers of symbols and of categories are names and not values.
    let is_of_values = !trained.examples.symbols() && trained.examples.heads().is_none();
    let wanted = [is_of_values, is_of_values && components < width];
    let of_values = (0..2).filter(|n| wanted[*n]).map(|n| -> Result<Representation> {
        let values = parts.values()?;
        Ok(if n == 0 { values } else { values.components(components) })
    });
    let of_layers = encoders.iter_mut().map(|encoder| {
        let (name, width) = (encoder.layer().name.clone(), encoder.width());
        parts.represented(&name, width, |set, items| {
            let mut seen =
                |done: usize, all: usize| (setup.seen)(&format!("{name} of examples"), done as u64, all as u64);
            Ok(encoder.encode_some(set, items, 0, &mut seen)?.values)
        })
    });
    tell(format_args!("probes of {count} examples, in minutes if these are many"));
    let classes = [0, 1].map(|n| parts.classes(n).into_iter().map(|class| class as usize).collect::<Vec<_>>());
    let mut report = probes(of_values.chain(of_layers), [&classes[0], &classes[1]], labels.names.len())?;
    if let Some(mut learned) = Learned::new(trained, args.model.adapter.as_deref())? {
        let found = learned.classify_some(test, &parts.items[1], &mut |_, _| ())?;
        let right = found.iter().zip(&classes[1]).filter(|((found, _), class)| found == *class).count();
        let share = right as f64 / classes[1].len().max(1) as f64;
        let row = Row::new("own classes", share, Better::Higher);
        let labels = match trained.settings.labelled {
            0 => "all labels".into(),
            some => counted(some, "label"),
        };
        let note = format!("{}, which learned from {labels}", learned.by());
        report.rows.push(row.share_of(classes[1].len()).note(note));
    }
    if train.shape.len() == 3 {
        report.notes.push(parts.classifier(setup)?);
    }
    Ok(Some(report))
}
