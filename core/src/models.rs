//! The set of models in a folder: the required ones and whatever else lies there, one metric each.

use std::path::Path;
use std::sync::Arc;

use crate::metric::{Metric, REQUIRED};
use crate::scoring::card::{CardError, ModelCard, Reading, VerifiedModel};
use crate::view::{ReferenceView, View};

/// Models that are used together: always whole, in the order of [`Metric::rank`].
#[derive(Clone, Debug)]
pub struct ModelSet {
    models: Vec<VerifiedModel>,
    views: Vec<&'static View>,
    /// For each model the place of its view among `views`.
    view_of: Vec<usize>,
}

impl ModelSet {
    /// Reads every card of a folder (`NAME.json` beside `NAME.onnx`), the required ones among them.
    ///
    /// # Errors
    /// [`CardError`], for the first model that is refused or lacking, or when two fail a photo by the same code.
    pub fn load(folder: &Path) -> Result<Self, CardError> {
        let unreadable = |cause| CardError::NoFolder { path: folder.to_owned(), cause };
        let mut names: Vec<String> = REQUIRED.map(str::to_owned).into();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.file_name();
            // Hidden files are not models: editors and mounted volumes keep their own there.
            let name = file.to_str().and_then(|file| file.strip_suffix(".json")).filter(|name| !name.starts_with('.'));
            names.extend(name.filter(|name| !REQUIRED.contains(name)).map(str::to_owned));
        }
        let mut models = names.iter().map(|name| VerifiedModel::load(folder, name)).collect::<Result<Vec<_>, _>>()?;
        models.sort_by(|one, other| one.card.metric.rank().cmp(&other.card.metric.rank()));
        for (index, model) in models.iter().enumerate() {
            let others = || models[..index].iter().flat_map(|other| other.card.metric.codes());
            if let Some(code) = model.card.metric.codes().find(|code| others().any(|other| other == *code)) {
                let reason = format!("another model has the reason `{code}`, too");
                return Err(CardError::Incompatible { path: model.card.path_in(folder), reason });
            }
        }
        let mut views: Vec<&'static View> = Vec::new();
        let mut view_of = Vec::with_capacity(models.len());
        for model in &models {
            let view = model.view;
            let known = views.iter().position(|known| known.name == view.name);
            view_of.push(known.unwrap_or(views.len()));
            if known.is_none() {
                views.push(view);
            }
        }
        Ok(Self { models, views, view_of })
    }

    /// The models, in order.
    #[must_use]
    pub fn models(&self) -> &[VerifiedModel] {
        &self.models
    }

    /// Their cards, in order.
    pub fn cards(&self) -> impl ExactSizeIterator<Item = &ModelCard> + Clone {
        self.models.iter().map(|model| &model.card)
    }

    /// The metrics that are scored, in order: of every model that gives one number.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> + Clone {
        self.cards().filter(|card| card.reading == Reading::Scalar).map(|card| &card.metric)
    }

    /// The cards of the models that tell an operator's own labels, in order.
    pub fn labelling(&self) -> impl Iterator<Item = &ModelCard> + Clone {
        self.cards().filter(|card| card.reading == Reading::Labels)
    }

    /// The views that they look at, each once.
    #[must_use]
    pub fn views(&self) -> &[&'static View] {
        &self.views
    }

    /// Place among [`Self::views`] of what the model at `index` looks at.
    #[must_use]
    pub fn view_of(&self, index: usize) -> usize {
        self.view_of[index]
    }

    /// Place of a metric's model.
    #[must_use]
    pub fn position(&self, metric: &str) -> Option<usize> {
        self.cards().position(|card| card.metric.name == metric)
    }

    /// Card of the blur model, which also reads the blur map.
    ///
    /// # Panics
    /// Never: the set is not loaded without it.
    #[must_use]
    pub fn blur(&self) -> (usize, &ModelCard) {
        let index = self.position("blur").expect("blur is required, and it is loaded");
        (index, &self.models[index].card)
    }
}

/// A photo's tensor for one view, shared by the models that look at it.
pub type Tensor = Arc<Vec<f32>>;

/// The tensors of a photo: each view is cut once, however many models look at it.
#[must_use]
pub fn tensors(views: &[&View], reference: &ReferenceView) -> Vec<Tensor> {
    views.iter().map(|view| Arc::new(view.tensor(reference))).collect()
}
