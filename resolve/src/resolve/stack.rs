//! `Stack`: the layers of one VM, lowest first, and which of them decides a field.
//! Does no I/O.

use crate::site::{Layer, Machine, Site, Slot};

/// What kind of layer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// A preset.
    Preset,
    /// A template.
    Template,
    /// The VM itself.
    Vm,
}

/// The layers of a VM.
#[derive(Clone, Copy)]
pub(crate) struct Stack<'a> {
    /// Lowest first.
    pub layers: [(Level, Option<&'a Layer>); 3],
    /// A template or preset that is named is not there: what is missing may stand in it.
    pub broken: bool,
}

impl<'a> Stack<'a> {
    /// The layers of a machine, as far as they have been read.
    ///
    /// A template brings its own preset; a `vm_preset` beside it is refused by the shape.
    pub(crate) fn of(site: &'a Site<'_>, machine: &'a Machine) -> Self {
        let template = site.template(&machine.template);
        let named = template.map_or(&machine.preset, |t| &t.preset);
        let preset = site.preset(named);
        let dangling = |slot: &Slot<String>, there: bool| {
            !there && slot.at().is_some_and(|_| slot.value().is_some() || slot.is_bad())
        };
        Self {
            layers: [
                (Level::Preset, preset),
                (Level::Template, template.map(|t| &t.layer)),
                (Level::Vm, Some(&machine.layer)),
            ],
            broken: dangling(&machine.template, template.is_some())
                || dangling(named, preset.is_some()),
        }
    }

    /// What the highest layer says that says anything.
    pub(crate) fn pick<T>(&self, field: impl Fn(&'a Layer) -> &'a Slot<T>) -> &'a Slot<T> {
        let said = self.layers.iter().rev().filter_map(|(_, layer)| Some(field((*layer)?)));
        said.into_iter().find(|slot| !slot.is_absent()).unwrap_or(&Slot::Absent)
    }
}
