use super::*;

#[test]
fn a_seed_draws_the_same_faults_again_and_another_seed_others() {
    assert_eq!(Plan::draw(7, 50), Plan::draw(7, 50));
    assert_ne!(Plan::draw(7, 50), Plan::draw(8, 50));
    assert_eq!(Plan::draw(7, 50).steps[..10], Plan::draw(7, 10).steps[..]);
}

#[test]
fn ten_faults_hit_both_servers_and_promote() {
    let plan = Plan::draw(3, 10);
    let has = |wanted: fn(&Fault) -> bool| plan.steps.iter().any(|step| wanted(&step.fault));
    assert!(has(|fault| matches!(fault, Fault::KillServer(Server::Kafka, _) | Fault::StallBroker(_))));
    assert!(has(|fault| matches!(fault, Fault::KillServer(Server::Postgres, _))));
    assert!(has(|fault| matches!(fault, Fault::Promote)));
}

#[test]
fn sixty_faults_kill_stop_and_restart_every_part() {
    for seed in 0..20 {
        let plan = Plan::draw(seed, 60);
        let mut hit: Vec<(&str, String)> = Vec::new();
        hit.extend(plan.steps.iter().filter_map(|step| match step.fault {
            Fault::Kill(part) => Some(("kill", part.to_string())),
            Fault::Restart(part) => Some(("restart", part.to_string())),
            Fault::Pause(part, _) => Some(("pause", part.to_string())),
            _ => None,
        }));
        hit.sort_unstable();
        hit.dedup();
        assert_eq!(hit.len(), 3 * PARTS.len(), "seed {seed}: {hit:?}");
    }
}

#[test]
fn a_long_run_both_kills_and_stalls_the_broker() {
    let plan = Plan::draw(1, 100);
    let count = |wanted: fn(&Fault) -> bool| plan.steps.iter().filter(|step| wanted(&step.fault)).count();
    let stalls = count(|fault| matches!(fault, Fault::StallBroker(_)));
    let kills = count(|fault| matches!(fault, Fault::KillServer(Server::Kafka, _)));
    assert!(stalls > 0 && kills > 0 && stalls + kills == 10, "{stalls} stalls, {kills} kills");
}
