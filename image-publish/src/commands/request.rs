//! The first steps of the commands that need the document: read it, find the wanted images, open the
//! storage, prepare the images.

use std::collections::BTreeSet;

use stage::{Console, Deployment, Document, Failure, Report};

use crate::cache::Cache;
use crate::cli::{DocumentArgs, Refresh, SourceArgs, proxies};
use crate::destination::{Destination, Destinations};
use crate::plan::StoredFile;
use crate::prepared::Ready;
use crate::source::checksum::Sum;
use crate::stored::{Compared, NotSame, Storage};
use crate::target::Target;
use crate::wanted::{Wanted, wanted};
use crate::work::Work;
use crate::{connect, interrupt, left_over, prepare};

/// The document, and the images that it needs.
pub(super) struct Request {
    /// The document as it came.
    pub(super) document: Document,
    /// Its content.
    pub(super) deployment: Deployment,
    /// The images that its VMs name.
    pub(super) wanted: Vec<Wanted>,
    /// The problems so far.
    pub(super) report: Report,
}

/// A run whose images are prepared, without errors.
pub(super) struct PreparedRun<'a> {
    /// The document, and the images that it needs.
    pub(super) request: Request,
    /// The storages.
    pub(super) destinations: Destinations,
    /// The context of the run.
    pub(super) work: Work<'a>,
    /// The images of `request.wanted`.
    pub(super) ready: Vec<Ready>,
}

impl Request {
    /// Reads the document on stdin; problems are added to the report.
    pub(super) fn read(args: &DocumentArgs) -> Result<Self, Failure> {
        let document = Document::from_stdin()?;
        let (deployment, mut report) = Deployment::read(&document);
        let wanted = wanted(&deployment, &args.source.image_dir, &mut report);
        Ok(Self { document, deployment, wanted, report })
    }

    /// Returns the nodes of the VMs that use images.
    pub(super) fn nodes(&self) -> BTreeSet<String> {
        self.wanted.iter().flat_map(|wanted| wanted.nodes.iter().cloned()).collect()
    }

    /// Opens the storages that serve `nodes` and prepares the images; the problems of both are reported together.
    pub(super) fn prepare<'a>(
        mut self,
        args: &DocumentArgs,
        nodes: &BTreeSet<String>,
        refresh: Refresh,
        console: &'a Console,
    ) -> Result<PreparedRun<'a>, Failure> {
        let local_dir = args.place.local_dir.as_deref();
        let found = connect::of_document(&self.deployment, nodes, local_dir, &args.trust, console);
        let found = found.map_err(|faults| self.report.extend(faults)).ok();
        let mut work = work(&args.source, args.place.dry_run, refresh, console);
        let ready = prepare::prepare(&mut work, &self.wanted, found.as_ref(), &mut self.report);
        match found {
            Some(destinations) if !self.report.has_errors() => {
                Ok(PreparedRun { request: self, destinations, work, ready })
            }
            _ => Err(self.report.into()),
        }
    }
}

/// Returns the context of a run.
pub(super) fn work<'a>(
    args: &SourceArgs,
    dry_run: bool,
    refresh: Refresh,
    console: &'a Console,
) -> Work<'a> {
    interrupt::listen();
    let folder = args.cache_folder();
    if let Some(folder) = &folder {
        left_over::sweep_cache(folder);
    }
    let mut work = Work::new(console, Cache::load(folder.as_deref()), folder, proxies());
    work.compress = args.compress;
    work.retries = args.retries;
    work.dry_run = dry_run;
    work.refresh = refresh;
    work
}

impl Storage for Destination {
    fn files(&self) -> &[StoredFile] {
        self.present().unwrap_or_default()
    }

    fn compare(&self, file: &str, sum: &Sum) -> Compared {
        match &self.target {
            Target::Node(node) => match node.compare(file, sum) {
                Ok(()) => Compared::Same,
                Err(NotSame::Different(_)) => Compared::Different,
                Err(NotSame::Unknown(_)) => Compared::Unknown,
            },
            Target::Folder(folder) => match folder.sums_of(file) {
                Ok(sums) if sums.get(sum.algorithm) == Some(&sum.hex) => Compared::Same,
                Ok(_) => Compared::Different,
                Err(_) => Compared::Unknown,
            },
        }
    }
}
