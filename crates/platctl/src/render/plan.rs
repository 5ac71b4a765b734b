//! A plan, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use platctl_engine::plan::{Action, Plan, Reason, Refusal, Step, StepChange};
use platctl_engine::predict::Prediction;
use platctl_engine::{Address, Change, Changes, Replace, Then};
use serde_json::{Value, json};

use super::value::{clean, inline, path};
use super::{Paint, json_line, time};

/// How many links of the critical path are named.
const LINKS: usize = 6;

/// The plan as text: what changes and why, the counts, and how long it takes.
pub(crate) fn text(plan: &Plan, prediction: &Prediction, place: &str, paint: Paint) -> String {
    let mut text = format!(
        "{} {place}\n\n",
        paint.bold(&format!("Stack `{}`:", plan.stack))
    );
    for step in plan.steps.iter().filter(|step| step.acts()) {
        text.push_str(&step_text(step, paint));
        text.push('\n');
    }
    text.push_str(&super::unseen(
        plan.steps
            .iter()
            .filter_map(|step| Some((&step.address, step.unseen.as_ref()?))),
    ));
    text.push_str(&unhealthy(plan));
    text.push_str(&super::moved_on(plan.steps.iter().flat_map(|step| {
        step.moved_on.iter().map(move |change| {
            (
                &step.address,
                change.path.as_str(),
                &change.before,
                &change.after,
            )
        })
    })));
    text.push_str(&super::unmanaged(unmanaged(plan)));
    text.push_str(&released(plan));
    text.push_str(&behind(plan));
    let waiting = plan
        .steps
        .iter()
        .filter(|step| step.settling && !step.acts())
        .count();
    if plan.is_empty() {
        let size = plan.steps.len();
        let _ = writeln!(
            text,
            "{} AWS matches the stack file ({}).",
            paint.bold("No changes."),
            super::count(size)
        );
        if waiting > 0 {
            let _ = writeln!(
                text,
                "{waiting} of them are not ready yet; `platctl apply` waits for them."
            );
        }
        return text;
    }
    let counts = plan.counts();
    let summary = format!(
        "{} to add, {} to change, {} to destroy.",
        counts.add, counts.change, counts.destroy
    );
    let _ = writeln!(text, "{} {summary}", paint.bold("Plan:"));
    text.push_str(&prediction_text(prediction));
    text.push_str(&contents(plan));
    text.push_str(&data(plan));
    text
}

/// What is in what the plan deletes, and what becomes of it.
fn contents(plan: &Plan) -> String {
    let lines: String = plan
        .steps
        .iter()
        .filter_map(|step| {
            let contents = plan.contents.get(&step.address)?;
            let (address, what) = (&step.address, clean(&contents.what));
            Some(format!(
                "  {address}: {what}; {}\n",
                fate(plan, step, &contents.then)
            ))
        })
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\nWhat is in these resources, and what happens to it:\n{lines}")
    }
}

fn fate(plan: &Plan, step: &Step, then: &Then) -> String {
    if step.action == Action::Keep {
        return "kept".to_owned();
    }
    let left = plan
        .contents
        .get(&step.address)
        .and_then(|contents| contents.leaves.as_ref());
    match (left, then) {
        (Some(left), _) => format!(
            "{} is created first and kept, then it is deleted",
            clean(left)
        ),
        (None, Then::Deleted) => "deleted".to_owned(),
        (None, Then::Recoverable(days)) => {
            format!("scheduled for deletion, and can be restored for {days} days")
        }
        (None, Then::Refused(what)) => {
            format!("AWS refuses to delete the resource as long as it is not empty; {what}")
        }
    }
}

/// What data goes, and the consent that takes.
fn data(plan: &Plan) -> String {
    let mut text = String::new();
    for refusal in &plan.refusals {
        if let Refusal::DataLoss {
            address,
            verb,
            leaves,
            ..
        } = refusal
        {
            let kept = leaves
                .as_ref()
                .map(|what| format!("; {what} is kept"))
                .unwrap_or_default();
            let _ = writeln!(text, "  {address}: would be {verb}d{kept}");
        }
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\nThis plan deletes data. To apply it, add --allow-data-loss ADDRESS for each of:\n{text}"
    )
}

/// What AWS reports about resources that are usable all the same.
fn unhealthy(plan: &Plan) -> String {
    let reported = plan
        .steps
        .iter()
        .filter_map(|step| Some((&step.address, step.health.as_ref()?)));
    let lines: String = reported
        .map(|(address, why)| format!("  {address}: {}\n", clean(why)))
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("Usable, but AWS reports a problem:\n{lines}\n")
    }
}

/// What is set beside what the plan is about, and stays.
fn unmanaged(plan: &Plan) -> impl Iterator<Item = (&Address, &Vec<String>)> {
    let kept = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::NoOp | Action::Update));
    kept.map(|step| (&step.address, &step.unmanaged))
        .filter(|(_, settings)| !settings.is_empty())
}

/// What was taken out of the stack file, and stays.
fn released(plan: &Plan) -> String {
    let lines: String = plan
        .released
        .iter()
        .flat_map(|(address, fields)| fields.iter().map(move |field| (address, field)))
        .map(|(address, field)| {
            format!("  {address}: `{field}` is no longer managed and stays as it is\n")
        })
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("Removed from the stack file:\n{lines}\n")
    }
}

/// What AWS offers newer versions of.
fn behind(plan: &Plan) -> String {
    let lines: String = plan
        .behind
        .iter()
        .map(|(address, what)| format!("  {address}: {}\n", clean(what)))
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("Newer versions are available:\n{lines}\n")
    }
}

/// What moved by itself, and stays.
fn moved_on(plan: &Plan) -> BTreeMap<&Address, &Vec<Change>> {
    let steps = plan.steps.iter().filter(|step| !step.moved_on.is_empty());
    steps.map(|step| (&step.address, &step.moved_on)).collect()
}

fn prediction_text(prediction: &Prediction) -> String {
    let mut links: Vec<String> = prediction
        .critical_path
        .iter()
        .map(|(address, usual)| format!("{address} ({})", time(*usual)))
        .collect();
    if links.len() > LINKS {
        let left_out = links.len() - LINKS;
        links.splice(
            LINKS / 2..LINKS / 2 + left_out,
            [format!("{left_out} more")],
        );
    }
    format!(
        "Estimated duration: {}. Critical path: {}\n",
        time(prediction.makespan),
        links.join(" → ")
    )
}

fn symbol(step: &Step, paint: Paint) -> String {
    match step.action {
        Action::Create => format!("  {}", paint.add("+")),
        Action::Update => format!("  {}", paint.change("~")),
        Action::Delete => format!("  {}", paint.remove("-")),
        Action::Replace(Replace::DeleteFirst) => {
            format!("{}/{}", paint.remove("-"), paint.add("+"))
        }
        Action::Replace(Replace::CreateFirst) => {
            format!("{}/{}", paint.add("+"), paint.remove("-"))
        }
        Action::Keep => "  .".to_owned(),
        Action::NoOp => "   ".to_owned(),
    }
}

fn step_text(step: &Step, paint: Paint) -> String {
    let mut text = format!(
        "{} {}  {}",
        symbol(step, paint),
        paint.bold(step.address.as_str()),
        step.kind
    );
    if let Some(id) = &step.id {
        let _ = write!(text, "  {}", clean(id.as_str()));
    }
    text.push('\n');
    for reason in step
        .reasons
        .iter()
        .filter_map(|one| reason(one, &step.address))
    {
        let _ = writeln!(text, "      {}", paint.dim(&format!("# {reason}")));
    }
    if let Some(desired) = step
        .desired
        .as_ref()
        .filter(|_| step.action == Action::Create)
    {
        text.push_str(&fields(desired));
    }
    let width = step
        .changes
        .iter()
        .map(|change| path(&change.change.path).len())
        .max()
        .unwrap_or(0);
    for change in &step.changes {
        text.push_str(&change_text(change, width, paint));
    }
    text
}

fn fields(desired: &Value) -> String {
    // What is nothing, so that it is removed where it is set, says nothing of a new resource.
    let fields = desired.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| !value.is_null());
    let width = fields.clone().map(|(key, _)| key.len()).max().unwrap_or(0);
    fields.fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "      {key:width$} = {}", inline(value));
        text
    })
}

fn change_text(step_change: &StepChange, width: usize, paint: Paint) -> String {
    let change = &step_change.change;
    let show = |value: &Option<Value>| match value {
        None => "(none)".to_owned(),
        Some(_) if step_change.sensitive => "(sensitive)".to_owned(),
        Some(value) => inline(value),
    };
    if change.path == Changes::OWNER {
        return "      ownership tags are updated\n".to_owned();
    }
    // Its reason says it.
    if change.path == Changes::RESTORE {
        return String::new();
    }
    let mut line = format!(
        "      {:width$}  {} → {}",
        path(&change.path),
        show(&change.before),
        show(&change.after)
    );
    if step_change.forces_replacement {
        let _ = write!(line, "  {}", paint.remove("# forces replacement"));
    }
    if step_change.drift {
        let _ = write!(line, "  {}", paint.dim("# changed outside of platctl"));
    }
    line.push('\n');
    line
}

/// Why a step exists, where its symbol and its changes do not say it.
fn reason(reason: &Reason, address: &Address) -> Option<String> {
    Some(match reason {
        Reason::New
        | Reason::Changed
        | Reason::Drifted
        | Reason::Destroyed
        | Reason::Immutable { .. } => {
            return None;
        }
        Reason::NeverArrived => "an earlier run was interrupted before this was created".into(),
        Reason::DeletedOutside { id } => {
            format!("{id} no longer exists: it was deleted outside of platctl")
        }
        Reason::Adopted { id } => {
            format!("{id} belongs to this stack but is not in the state: it is adopted")
        }
        Reason::Failed { why } => format!("creation failed ({why}): it is created again"),
        Reason::Broken { why } => {
            format!("it is in a failed state, and platctl does not change it: {why}")
        }
        Reason::Restored { why } => format!("it is not usable ({why}): it is restored"),
        Reason::BeingDeleted => "it is being deleted".into(),
        Reason::PartOf { whole } => {
            format!("it cannot exist without {whole}, which is deleted first")
        }
        Reason::NotDeclared => "not declared in the stack file".into(),
        Reason::Kept { for_what } => {
            format!("kept because {for_what} needs it; it is only removed from the state")
        }
        Reason::Holds { what } => format!(
            "kept, and only removed from the state, because it holds {what}. To delete them as well, add \
             --allow-data-loss {address}"
        ),
        Reason::Loses { what } => format!("{what}: deleted with it"),
        Reason::Deposed { id } => format!("{id} was left over from a replacement: it is deleted"),
        Reason::LeftAlone { why } => format!("not deleted, only removed from the state: {why}"),
        Reason::Asked => "requested with --replace".into(),
        Reason::Moved { from } => format!("moved from {from}"),
    })
}

/// The plan as JSON lines: one for each step that acts, then the summary.
pub(crate) fn json(plan: &Plan, prediction: &Prediction) {
    for step in plan.steps.iter().filter(|step| step.acts()) {
        json_line(&json!({"type": "step", "step": step}));
    }
    let counts = plan.counts();
    json_line(&json!({
        "type": "plan",
        "stack": plan.stack,
        "changes": !plan.is_empty(),
        "resources": plan.steps.len(),
        "add": counts.add,
        "change": counts.change,
        "destroy": counts.destroy,
        "seconds": prediction.makespan.as_secs_f64(),
        "critical_path": prediction.critical_path.iter().map(|(address, _)| address).collect::<Vec<_>>(),
        "refusals": plan.refusals,
        "unmanaged": unmanaged(plan).collect::<BTreeMap<_, _>>(),
        "released": plan.released,
        "behind": plan.behind,
        "contents": plan.contents,
        "moved_on": moved_on(plan),
    }));
}
