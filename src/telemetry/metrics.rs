//! What the service counts and times, for Prometheus: `GET /metrics` in the OpenMetrics text format.
//!
//! Labels hold only values of small fixed sets (matched routes, known methods, codes, metrics, checks, profiles), never what a client
//! sent; what is reloaded (keys, models) takes its old values away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use clearshot_core::assessment::Assessment;
use clearshot_core::checks::CHECKS;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::card::ModelCard;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// A part of a photo's way.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
pub enum Stage {
    /// Reading the body.
    Read,
    /// Waiting for a free decoder.
    Wait,
    /// Decoding and cutting the views.
    Decode,
    /// Waiting for the models and running them.
    Run,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StageLabel {
    stage: Stage,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KeyLabel {
    key: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MetricLabel {
    metric: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabels {
    profile: String,
    verdict: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ProfileReasonLabels {
    profile: String,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelLabels {
    metric: String,
    version: String,
    provider: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PhotoLabels {
    model: String,
    label: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BinLabels {
    metric: String,
    le: String,
}

type Histograms<Label> = Family<Label, Histogram, fn() -> Histogram>;

fn seconds() -> Histogram {
    // 0.5 ms to 16 s.
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 8))
}

/// Tenths, and finer where it is nearly certain.
fn probabilities() -> Histogram {
    Histogram::new([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
}

/// All counters, gauges and histograms.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    batch_results: Family<StatusLabel, Counter>,
    request_seconds: Histograms<RouteLabel>,
    stage_seconds: Histograms<StageLabel>,
    key_requests: Family<KeyLabel, Counter>,
    rejected: Family<ReasonLabel, Counter>,
    abandoned: Family<StageLabel, Counter>,
    in_flight: Gauge,
    queue_depth: Family<MetricLabel, Gauge>,
    batch_size: Histograms<MetricLabel>,
    batch_failures: Family<MetricLabel, Counter>,
    verdicts: Family<VerdictLabels, Counter>,
    reasons: Family<ProfileReasonLabels, Counter>,
    probability: Histograms<MetricLabel>,
    labels: Family<PhotoLabels, Counter>,
    /// Labels that the models in use may give.
    known_labels: Mutex<Vec<PhotoLabels>>,
    scores: ValuesByName,
    checks: ValuesByName,
    score_reference: Family<BinLabels, Gauge<f64, AtomicU64>>,
    models: Family<ModelLabels, Gauge>,
    /// Labels of `models`: those in use and those before them.
    shown_models: Mutex<Vec<ModelLabels>>,
    /// Names of the keys that are known.
    key_names: Mutex<BTreeSet<String>>,
    reloads: Family<ReasonLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers everything under the prefix `clearshot`.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("clearshot");
        let metrics = Self {
            requests: Family::default(),
            batch_results: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            stage_seconds: Family::new_with_constructor(seconds),
            key_requests: Family::default(),
            rejected: Family::default(),
            abandoned: Family::default(),
            in_flight: Gauge::default(),
            queue_depth: Family::default(),
            batch_size: Family::new_with_constructor(sizes),
            batch_failures: Family::default(),
            verdicts: Family::default(),
            reasons: Family::default(),
            probability: Family::new_with_constructor(probabilities),
            labels: Family::default(),
            known_labels: Mutex::default(),
            scores: ValuesByName::labelled("metric"),
            checks: ValuesByName::labelled("check"),
            score_reference: Family::default(),
            models: Family::default(),
            shown_models: Mutex::default(),
            key_names: Mutex::default(),
            reloads: Family::default(),
            registry: Registry::default(),
        };
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        let help = "Photos of batches, by the status that each would have got alone";
        registry.register("batch_results", help, metrics.batch_results.clone());
        registry.register("key_requests", "Requests by the name of their key", metrics.key_requests.clone());
        let duration = metrics.request_seconds.clone();
        registry.register_with_unit("http_request_duration", "Time to answer a request", Unit::Seconds, duration);
        let stages = metrics.stage_seconds.clone();
        registry.register_with_unit("stage_duration", "Time a photo spends in a stage", Unit::Seconds, stages);
        let help = "Requests and photos of batches that were refused or failed, by the code of their problem";
        registry.register("rejected", help, metrics.rejected.clone());
        let abandoned = metrics.abandoned.clone();
        registry.register("abandoned", "Photos whose client went away, by the stage they were in", abandoned);
        registry.register("photos_in_flight", "Photos being read, decoded or scored", metrics.in_flight.clone());
        registry.register("queue_depth", "Photos waiting for a branch", metrics.queue_depth.clone());
        registry.register("batch_size", "Photos in a batch", metrics.batch_size.clone());
        let failures = metrics.batch_failures.clone();
        registry.register("batch_failures", "Batches that failed or panicked and were retried item by item", failures);
        registry.register("verdicts", "Photos by verdict", metrics.verdicts.clone());
        registry.register("reasons", "Photos by reason not to pass", metrics.reasons.clone());
        let help = "Probabilities of the faults that were reasons, by the metric or check at fault";
        registry.register("reason_probability", help, metrics.probability.clone());
        let help = "Photos by their likeliest label, for each model of labels";
        registry.register("labels", help, metrics.labels.clone());
        let help = "Calibrated values by metric, in its unit; a shift tells of drift";
        registry.register("score", help, metrics.scores.clone());
        let bins = CHECKS.iter().map(|check| (check.name.to_owned(), check.bins.to_vec()));
        metrics.checks.expect(bins);
        let help = "What the checks measured, by check, in its unit; a shift tells of other uploads";
        registry.register("check", help, metrics.checks.clone());
        let reference = metrics.score_reference.clone();
        let help = "Share of good photos with values up to the bound, from the model's card; compare with score";
        registry.register("score_reference", help, reference);
        registry.register("model", "Models in use (value 1) and just before (0)", metrics.models.clone());
        registry.register("model_reloads", "Reloads of the models by outcome", metrics.reloads.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running service", build);
        Self { registry, ..metrics }
    }

    /// The current state as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// A request was answered.
    pub fn answered(&self, route: &str, method: &str, status: u16, started: Instant) {
        let labels = RequestLabels { route: route.to_owned(), method: method.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        let label = RouteLabel { route: route.to_owned() };
        self.request_seconds.get_or_create(&label).observe(started.elapsed().as_secs_f64());
    }

    /// A photo of a batch was answered.
    pub fn batch_result(&self, status: u16) {
        self.batch_results.get_or_create(&StatusLabel { status }).inc();
    }

    /// A request came with a key.
    pub fn key_used(&self, name: &str) {
        // It may have been revoked since.
        if !self.key_names.lock().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return;
        }
        self.key_requests.get_or_create(&KeyLabel { key: name.to_owned() }).inc();
    }

    /// A request, or a photo of a batch, was refused or failed.
    pub fn rejected(&self, code: &str) {
        self.rejected.get_or_create(&ReasonLabel { reason: code.to_owned() }).inc();
    }

    /// A branch ran a batch.
    pub fn batch(&self, metric: &str, size: usize) {
        self.batch_size.get_or_create(&of(metric)).observe(size as f64);
    }

    /// A batch failed or panicked.
    pub fn batch_failed(&self, metric: &str) {
        self.batch_failures.get_or_create(&of(metric)).inc();
    }

    /// Photos waiting for each branch right now.
    pub fn queue_depths<'a>(&self, depths: impl Iterator<Item = (&'a str, usize)>) {
        self.queue_depth.clear();
        for (metric, depth) in depths {
            self.queue_depth.get_or_create(&of(metric)).set(i64::try_from(depth).unwrap_or(i64::MAX));
        }
    }

    /// A photo was judged.
    pub fn judged(&self, assessment: &Assessment) {
        let Assessment { profile, verdict, reasons, scores, checks, labels, .. } = assessment;
        let of_verdict = VerdictLabels { profile: profile.clone(), verdict: verdict.name().to_owned() };
        self.verdicts.get_or_create(&of_verdict).inc();
        for reason in reasons {
            let labels = ProfileReasonLabels { profile: profile.clone(), reason: reason.code.clone() };
            self.reasons.get_or_create(&labels).inc();
            self.probability.get_or_create(&of(&reason.metric)).observe(f64::from(reason.probability));
        }
        for (metric, score) in scores.iter() {
            self.scores.observe(metric, f64::from(score.value));
        }
        for (check, value) in checks {
            self.checks.observe(check, f64::from(*value));
        }
        for (model, found) in labels {
            let labels = PhotoLabels { model: model.clone(), label: found.label.clone() };
            // A photo of the models before a reload may come late.
            if let Some(count) = self.labels.get(&labels) {
                count.inc();
            }
        }
    }

    /// These keys are known from now on; what others did is no longer told.
    pub fn keys(&self, names: &[&str]) {
        let gone = {
            let mut known = self.key_names.lock().unwrap_or_else(PoisonError::into_inner);
            let now = names.iter().map(|name| (*name).to_owned()).collect();
            let before: BTreeSet<String> = std::mem::replace(&mut *known, now);
            before.difference(&known).cloned().collect::<Vec<_>>()
        };
        for key in gone {
            self.key_requests.remove(&KeyLabel { key });
        }
    }

    /// These models are in use from now on.
    pub fn models(&self, models: &ModelSet, provider: &str) {
        let labels = models.cards().map(|card| ModelLabels {
            metric: card.metric.name.to_string(),
            version: card.version.clone(),
            provider: provider.to_owned(),
        });
        let labels: Vec<_> = labels.collect();
        let mut shown = self.shown_models.lock().unwrap_or_else(PoisonError::into_inner);
        let (former, older): (Vec<_>, Vec<_>) =
            shown.drain(..).partition(|labels| self.models.get(labels).is_some_and(|in_use| in_use.get() == 1));
        for gone in older {
            self.models.remove(&gone);
        }
        for labels in &former {
            self.models.get_or_create(labels).set(0);
        }
        for labels in &labels {
            self.models.get_or_create(labels).set(1);
        }
        let former = former.into_iter().filter(|before| !labels.contains(before));
        *shown = former.chain(labels.iter().cloned()).collect();
        drop(shown);
        self.labels(models);
        self.scores.expect(models.metrics().map(|metric| (metric.name.to_string(), metric.bin_bounds())));
        self.score_reference.clear();
        models.cards().for_each(|card| self.reference(card));
    }

    /// The labels of these models are counted from now on, each from zero where it is new.
    fn labels(&self, models: &ModelSet) {
        let of_card = |card: &ModelCard| -> Vec<PhotoLabels> {
            let labels = card.labels.iter().flat_map(|labels| &labels.names);
            let labels =
                labels.map(|label| PhotoLabels { model: card.metric.name.to_string(), label: label.to_string() });
            labels.collect()
        };
        let labels: Vec<PhotoLabels> = models.labelling().flat_map(of_card).collect();
        let mut known = self.known_labels.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.iter().filter(|before| !labels.contains(before)) {
            self.labels.remove(gone);
        }
        for label in &labels {
            drop(self.labels.get_or_create(label));
        }
        *known = labels;
    }

    fn reference(&self, card: &ModelCard) {
        let bins =
            card.reference.iter().flat_map(|reference| card.metric.bin_bounds().into_iter().zip(&reference.shares));
        for (bound, share) in bins {
            // As histograms write their bounds.
            let labels = BinLabels { metric: card.metric.name.to_string(), le: format!("{bound:?}") };
            self.score_reference.get_or_create(&labels).set(f64::from(*share));
        }
    }

    /// The models were reloaded, or a bad set was refused.
    pub fn reloaded(&self, outcome: &str) {
        self.reloads.get_or_create(&ReasonLabel { reason: outcome.to_owned() }).inc();
    }

    /// Follows one photo through its stages.
    #[must_use]
    pub fn follow(self: &Arc<Self>) -> Passage {
        self.in_flight.inc();
        let stay = Stay { stage: Stage::Read, entered: Instant::now(), _span: span(Stage::Read), ended: false };
        Passage { metrics: Arc::clone(self), stay: Mutex::new(stay) }
    }
}

fn span(stage: Stage) -> tracing::Span {
    match stage {
        Stage::Read => tracing::info_span!("read"),
        Stage::Wait => tracing::info_span!("wait"),
        Stage::Decode => tracing::info_span!("decode"),
        Stage::Run => tracing::info_span!("run"),
    }
}

fn of(metric: &str) -> MetricLabel {
    MetricLabel { metric: metric.to_owned() }
}

/// Histograms of values, one for each metric or check, each with the bins of its own range.
#[derive(Clone, Debug)]
struct ValuesByName {
    /// Label that has the name.
    label: &'static str,
    histograms: Arc<RwLock<BTreeMap<String, Histogram>>>,
}

impl ValuesByName {
    fn labelled(label: &'static str) -> Self {
        Self { label, histograms: Arc::default() }
    }

    /// Values of these names will come, and of no others, each with the bounds of its bins. A name that is known already goes on counting.
    fn expect(&self, bins: impl Iterator<Item = (String, Vec<f64>)>) {
        let mut known = self.histograms.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        *known = bins
            .map(|(name, bounds)| {
                let histogram = before.remove(&name).unwrap_or_else(|| Histogram::new(bounds));
                (name, histogram)
            })
            .collect();
    }

    fn observe(&self, name: &str, value: f64) {
        if let Some(histogram) = self.histograms.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            histogram.observe(value);
        }
    }
}

impl EncodeMetric for ValuesByName {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), std::fmt::Error> {
        for (name, histogram) in &*self.histograms.read().unwrap_or_else(PoisonError::into_inner) {
            histogram.encode(encoder.encode_family(&[(self.label, name.as_str())])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// One photo's passage. Dropped before its end it counts as abandoned: the server drops the work of a client that went
/// away.
pub struct Passage {
    metrics: Arc<Metrics>,
    stay: Mutex<Stay>,
}

/// A photo's stay in a stage.
struct Stay {
    stage: Stage,
    entered: Instant,
    /// For traces: below the request's span, as long as the stage.
    _span: tracing::Span,
    ended: bool,
}

impl Passage {
    /// The photo goes on to the next stage.
    pub fn enter(&self, stage: Stage) {
        let mut stay = self.leave();
        *stay = Stay { stage, entered: Instant::now(), _span: span(stage), ended: false };
    }

    /// The photo has its scores or its refusal.
    pub fn end(&self) {
        self.leave().ended = true;
    }

    fn leave(&self) -> MutexGuard<'_, Stay> {
        let stay = self.stay.lock().unwrap_or_else(PoisonError::into_inner);
        let label = StageLabel { stage: stay.stage };
        self.metrics.stage_seconds.get_or_create(&label).observe(stay.entered.elapsed().as_secs_f64());
        stay
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        let stay = self.stay.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !stay.ended {
            self.metrics.abandoned.get_or_create(&StageLabel { stage: stay.stage }).inc();
        }
    }
}
