//! Which of Kafka's rights the parts make use of, by what the broker wrote down of its decisions.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use churn_testkit::Acl;
use serde_json::Value;

use super::fortress::acls;

/// What somebody was let do: user, operation, and the thing's type and name.
type Deed<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Each right of each part was made use of.
pub(super) fn all_are_used(log: &str, access: &[Value]) -> Result<()> {
    let done: BTreeSet<Deed<'_>> = log.lines().filter_map(allowed).collect();
    ensure!(!done.is_empty(), "the broker wrote nothing down");
    let mut idle = Vec::new();
    for part in access {
        let name = part["part"].as_str().context("a part")?;
        for acl in part["kafka"].as_array().context("kafka")?.iter().flat_map(acls) {
            if !done.iter().any(|deed| is_by(deed, name, &acl)) {
                idle.push(format!("{name}: {} on {} {}", acl.operation, acl.resource, acl.name));
            }
        }
    }
    ensure!(idle.is_empty(), "nobody used these rights of docs/permissions.toml: {idle:#?}");
    Ok(())
}

/// What a line of the broker's log lets somebody do: "Principal = User:u is Allowed operation = READ from host = h on resource =
/// Topic:LITERAL:t for request = ..".
fn allowed(line: &str) -> Option<Deed<'_>> {
    let (user, rest) = line.split_once("Principal = User:")?.1.split_once(" is Allowed operation = ")?;
    let (operation, rest) = rest.split_once(" from host = ")?;
    let resource = rest.split_once(" on resource = ")?.1.split_once(" for request = ")?.0;
    let (kind, name) = resource.split_once(":LITERAL:")?;
    Some((user, operation, kind, name))
}

fn is_by((user, operation, kind, name): &Deed<'_>, part: &str, acl: &Acl) -> bool {
    let kinds = [("topic", "Topic"), ("group", "Group"), ("transactional_id", "TransactionalId")];
    let same_name = if acl.prefixed { name.starts_with(&acl.name) } else { *name == acl.name };
    user.strip_prefix("churn-") == Some(part)
        && operation.eq_ignore_ascii_case(&acl.operation)
        && kinds.contains(&(acl.resource.as_str(), kind))
        && same_name
}

#[test]
fn a_decision_of_the_broker_is_a_right_made_use_of() {
    let line = "[x] INFO kafka.authorizer.logger - Principal = User:churn-sink is Allowed operation = READ from host = 127.0.0.1 \
                on resource = Topic:LITERAL:scores for request = Fetch with resourceRefCount = 1 based on rule X";
    let deed = allowed(line).unwrap();
    assert_eq!(deed, ("churn-sink", "READ", "Topic", "scores"));
    assert_eq!(allowed(&line.replace("Allowed", "Denied")), None);
    let acl = |resource: &str, name: &str, prefixed: bool, operation: &str| Acl {
        resource: resource.into(),
        name: name.into(),
        prefixed,
        operation: operation.into(),
    };
    assert!(is_by(&deed, "sink", &acl("topic", "scores", false, "read")));
    assert!(is_by(&deed, "sink", &acl("topic", "sco", true, "read")));
    for other in [
        acl("topic", "sco", false, "read"),
        acl("group", "scores", false, "read"),
        acl("topic", "scores", false, "write"),
    ] {
        assert!(!is_by(&deed, "sink", &other), "{other:?}");
    }
    assert!(!is_by(&deed, "scorer", &acl("topic", "scores", false, "read")));
}
