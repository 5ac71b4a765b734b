//! The way to the services stays open while parts of it become others.

use crate::world::World;

/// A service behind CloudFront.
fn web(world: &World) {
    world.file(
        "web.yaml",
        "stack: web\nregion: eu-west-1\n\
         network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}\n\
         edge: {domain: example.com}\n\
         services: {backend: {port: 8080}}\n",
    );
    world.platctl("apply web.yaml --yes").expect(0);
    world.control().clear_calls().unwrap();
}

fn count(world: &World, operation: &str) -> usize {
    world
        .control()
        .calls()
        .unwrap()
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}

/// Nothing that a request comes through was taken away.
fn nothing_was_in_between(world: &World) {
    for operation in [
        "DeleteTargetGroup",
        "DeleteRule",
        "DeleteListener",
        "DeleteLoadBalancer",
        "DeleteDistribution",
        "DeleteVpcOrigin",
        "RevokeSecurityGroupIngress",
    ] {
        assert_eq!(count(world, operation), 0, "{operation}");
    }
}

#[test]
fn a_service_moves_to_another_port_behind_the_same_target_group() {
    let world = World::new();
    web(&world);
    let set = "--set services.backend.port=8081";
    world
        .platctl(&format!("apply web.yaml --yes {set}"))
        .expect(0);
    nothing_was_in_between(&world);
    assert_eq!(count(&world, "CreateTargetGroup"), 0);
    world
        .platctl(&format!("plan web.yaml --detailed-exitcode {set}"))
        .expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_exchanged_for_a_new_one() {
    let world = World::new();
    web(&world);
    let balancers = world
        .elbv2()
        .describe_load_balancers()
        .send()
        .await
        .unwrap();
    let balancer = balancers.load_balancers()[0].load_balancer_arn().unwrap();
    let listener = async || {
        let found = world
            .elbv2()
            .describe_listeners()
            .load_balancer_arn(balancer)
            .send()
            .await
            .unwrap();
        found.listeners()[0].certificates()[0]
            .certificate_arn()
            .unwrap()
            .to_owned()
    };
    let distribution = async || {
        let found = world
            .cloudfront()
            .list_distributions()
            .send()
            .await
            .unwrap();
        let one = found.distribution_list().unwrap().items()[0].clone();
        one.viewer_certificate()
            .unwrap()
            .acm_certificate_arn()
            .unwrap()
            .to_owned()
    };
    let before = [listener().await, distribution().await];
    for arn in &before {
        world
            .control()
            .set_state("acm.Certificate", arn, "EXPIRED")
            .unwrap();
    }
    world.control().clear_calls().unwrap();
    let plan = world.platctl("plan web.yaml").expect(0);
    assert!(
        plan.stdout.contains("+/- edge.certificate.origin"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("EXPIRED"), "{}", plan.stdout);
    world.platctl("apply web.yaml --yes").expect(0);
    nothing_was_in_between(&world);
    let after = [listener().await, distribution().await];
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before != after),
        "{after:?}"
    );
    let calls = world.control().calls().unwrap();
    let last = |operation: &str| {
        calls
            .iter()
            .rposition(|call| call.operation == operation)
            .unwrap()
    };
    let first = |operation: &str| {
        calls
            .iter()
            .position(|call| call.operation == operation)
            .unwrap()
    };
    assert!(last("RequestCertificate") < first("ModifyListener"));
    assert!(first("ModifyListener") < first("DeleteCertificate"));
    assert_eq!(count(&world, "DeleteCertificate"), 2);
    world.platctl("plan web.yaml --detailed-exitcode").expect(0);
}
