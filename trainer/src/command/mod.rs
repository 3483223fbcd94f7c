//! The commands, each in a file of its name.

mod all;
mod calibrate;
mod evaluate;
mod export;
mod head;
mod level;
mod list;
mod reference;
mod report;
mod split;
mod train;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train the network of one transformation into the work folder.
    Train(train::Train),
    /// Write the best checkpoint as ONNX, checked against the trainer's own forward pass.
    Export(export::Export),
    /// Fit curve and intervals of an exported model on photos that training never saw, and write its card.
    Calibrate(calibrate::Calibrate),
    /// Measure a calibrated model on photos that nothing else saw; prints a table and fills in the card.
    Evaluate(evaluate::Evaluate),
    /// Write the distribution of values on good held-out photos into the cards of models.
    Reference(reference::Reference),
    /// Train a small classifier for labels of your own on the frozen encoder of a model, and write it as a model that is served beside the
    /// others.
    Head(head::Head),
    /// Write one self-contained HTML page on the models: sweeps, scatter plots, coverage, learning curves, photos by
    /// score.
    Report(report::Report),
    /// Train, export, calibrate and evaluate the models that every service needs, or those that are named.
    All(all::All),
    /// Measure how much photos lean by themselves, by the model of rotation, and write a manifest for the next training.
    Level(level::Level),
    /// Print which photo is used for what (train, validate, calibrate, test), as CSV.
    Split(split::Split),
    /// Print the transformations that there are, as a table.
    List,
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Train(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Calibrate(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Reference(command) => command.run(),
            Self::Head(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::All(command) => command.run(),
            Self::Level(command) => command.run(),
            Self::Split(command) => command.run(),
            Self::List => {
                print!("{}", list::table());
                Ok(())
            }
        }
    }
}
