//! Values that AWS answers in another spelling: they are sent as they are written, and are no change.

use crate::world::World;

const STACK: &str = r#"stack: spelled
region: eu-west-1
resources:
  vpc: {kind: ec2.Vpc, cidr_block: 10.0.0.0/16}
  group: {kind: ec2.SecurityGroup, vpc_id: "${vpc.vpc_id}", group_name: web.prod, description: "Web (all)"}
  all:
    {kind: ec2.SecurityGroupRule, group_id: "${group.group_id}", direction: ingress, ip_protocol: all,
     from_port: 0, to_port: 0, cidr_ipv4: 10.9.8.7/8}
  ping:
    {kind: ec2.SecurityGroupRule, group_id: "${group.group_id}", direction: ingress, ip_protocol: "1",
     from_port: 8, to_port: -1, cidr_ipv6: "2001:0DB8:0:0::1/32"}
  role:
    kind: iam.Role
    role_name: spelled
    assume_role_policy_document:
      Version: "2012-10-17"
      Statement: {Effect: Allow, Principal: {AWS: "123456789012"}, Action: STS:AssumeRole}
  parameter: {kind: ssm.Parameter, name: /spelled, type: String, value: x, tier: Intelligent-Tiering}
  key: {kind: kms.Key, description: Spelled}
  alias: {kind: kms.Alias, alias_name: alias/spelled, target_key_id: "${key.key_id}"}
  secret: {kind: secretsmanager.Secret, name: spelled, kms_key_id: alias/spelled, depends_on: [alias]}
"#;

#[tokio::test]
async fn another_spelling_is_no_change() {
    let world = World::new();
    world.file("spelled.yaml", STACK);
    world.platctl("apply spelled.yaml --yes").expect(0);
    world
        .platctl("plan spelled.yaml --detailed-exitcode")
        .expect(0);
    world
        .platctl("drift spelled.yaml --detailed-exitcode")
        .expect(0);
    // As it was written, with its one statement.
    let role = world
        .iam()
        .get_role()
        .role_name("spelled")
        .send()
        .await
        .unwrap()
        .role
        .unwrap();
    let trust = role.assume_role_policy_document().unwrap_or_default();
    assert!(trust.contains("STS") && !trust.contains("%5B"), "{trust}");
}
