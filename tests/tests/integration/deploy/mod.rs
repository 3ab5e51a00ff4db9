//! What `deploy/` says: manifests, scripts of engines, dashboards. Whatever can be wrong in them
//! without a cluster to say so is looked for here.

mod arguments;
mod compose;
mod documents;
mod indexed;
mod nightly;
mod observed;
mod overlay;
mod pods;
mod policy;
mod slurm;
mod typed;
