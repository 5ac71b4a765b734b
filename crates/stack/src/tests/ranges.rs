//! What is wrong with a `network:` block.

use insta::assert_snapshot;

use super::{load, wrong};

#[test]
fn ranges_that_are_none() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {cidr: 10.10.0.1/16}"), @"
     × 10.10.0.1/16 has host bits set: use 10.10.0.0/16
      ╭─[stack.yaml:2:17]
    1 │ stack: prod
    2 │ network: {cidr: 10.10.0.1/16}
      ·                 ──────┬─────
      ·                       ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork: {cidr: 10.10.0.0}"), @"
     × `10.10.0.0` is not an IPv4 range such as 10.10.0.0/16
      ╭─[stack.yaml:2:17]
    1 │ stack: prod
    2 │ network: {cidr: 10.10.0.0}
      ·                 ────┬────
      ·                     ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork: {cidr: 10.0.0.0/8}"), @"
     × 10.0.0.0/8 is not a valid range for a VPC
      ╭─[stack.yaml:2:17]
    1 │ stack: prod
    2 │ network: {cidr: 10.0.0.0/8}
      ·                 ─────┬────
      ·                      ╰── AWS allows /16 to /28
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork: {cidr: 127.0.0.0/16}"), @"
     × 127.0.0.0/16 is not a valid range for a VPC
      ╭─[stack.yaml:2:17]
    1 │ stack: prod
    2 │ network: {cidr: 127.0.0.0/16}
      ·                 ──────┬─────
      ·                       ╰── not usable for a network
      ╰────
    ");
}

#[test]
fn a_vpc_too_small_to_be_laid_out() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {cidr: 10.0.0.0/22}"), @"
     × 10.0.0.0/22 is too small: public subnets would be smaller than /28
      ╭─[stack.yaml:2:17]
    1 │ stack: prod
    2 │ network: {cidr: 10.0.0.0/22}
      ·                 ─────┬─────
      ·                      ╰── the smallest possible range is /21
      ╰────
     help: use a larger range, or specify the ranges: subnets: {public: {cidrs: […]}}
     × 10.0.0.0/22 is too small: database subnets would be smaller than /28
      ╭─[stack.yaml:2:17]
    1 │ stack: prod
    2 │ network: {cidr: 10.0.0.0/22}
      ·                 ─────┬─────
      ·                      ╰── the smallest possible range is /21
      ╰────
     help: use a larger range, or specify the ranges: subnets: {database: {cidrs: […]}}
    ");
}

#[test]
fn subnets_that_do_not_fit_are_all_named_with_both_places() {
    assert_snapshot!(wrong(
        "stack: prod
network:
  cidr: 10.10.0.0/16
  subnets:
    public: {cidrs: [10.10.224.0/24, 10.10.1.0/24, 10.11.2.0/24]}
    private: {prefix: 18}
    database: {cidrs: [10.10.250.0/24, 10.10.250.128/25, 10.10.252.0/29]}
"
    ), @"
     × private subnets cannot be /18
      ╭─[stack.yaml:6:23]
    5 │     public: {cidrs: [10.10.224.0/24, 10.10.1.0/24, 10.11.2.0/24]}
    6 │     private: {prefix: 18}
      ·                       ─┬
      ·                        ╰── use /19 to /28
    7 │     database: {cidrs: [10.10.250.0/24, 10.10.250.128/25, 10.10.252.0/29]}
      ╰────
     help: the layout of 10.10.0.0/16 reserves space for six zones; to use other ranges, set `cidrs`
     × the public subnet of eu-west-1c (10.11.2.0/24) is outside the VPC's range 10.10.0.0/16
      ╭─[stack.yaml:3:9]
    2 │ network:
    3 │   cidr: 10.10.0.0/16
      ·         ──────┬─────
      ·               ╰── the VPC's range
    4 │   subnets:
    5 │     public: {cidrs: [10.10.224.0/24, 10.10.1.0/24, 10.11.2.0/24]}
      ·                                                    ──────┬─────
      ·                                                          ╰── outside
    6 │     private: {prefix: 18}
      ╰────
     × the database subnet of eu-west-1b (10.10.250.128/25) overlaps with the database subnet of eu-
     │ west-1a (10.10.250.0/24)
      ╭─[stack.yaml:7:24]
    6 │     private: {prefix: 18}
    7 │     database: {cidrs: [10.10.250.0/24, 10.10.250.128/25, 10.10.252.0/29]}
      ·                        ───────┬──────  ────────┬───────
      ·                               │                ╰── this one
      ·                               ╰── and this one
      ╰────
     × 10.10.252.0/29 is not a valid range for a subnet
      ╭─[stack.yaml:7:58]
    6 │     private: {prefix: 18}
    7 │     database: {cidrs: [10.10.250.0/24, 10.10.250.128/25, 10.10.252.0/29]}
      ·                                                          ───────┬──────
      ·                                                                 ╰── AWS allows /16 to /28
      ╰────
    ");
}

#[test]
fn a_said_range_in_the_place_of_a_laid_out_one() {
    assert_snapshot!(wrong(
        "stack: prod\nnetwork:\n  availability_zones: 1\n  subnets: {public: {cidrs: [10.10.1.0/24]}}"
    ), @"
     × the private subnet of eu-west-1a (10.10.0.0/19) overlaps with the public subnet of eu-west-1a
     │ (10.10.1.0/24)
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ network:
      · ───┬───
      ·    ╰── the other one is allocated from this range
    3 │   availability_zones: 1
    4 │   subnets: {public: {cidrs: [10.10.1.0/24]}}
      ·                              ──────┬─────
      ·                                    ╰── this one
      ╰────
     help: if you specify the ranges of one tier, specify those of all three
    ");
}

#[test]
fn one_range_for_each_zone() {
    assert_snapshot!(wrong("stack: prod\nnetwork:\n  subnets: {public: {cidrs: [10.10.224.0/24]}}"), @"
     × 1 ranges for public subnets in 3 zones
      ╭─[stack.yaml:3:22]
    2 │ network:
    3 │   subnets: {public: {cidrs: [10.10.224.0/24]}}
      ·                      ──┬──
      ·                        ╰── specify one range for each zone
      ╰────
    ");
}

#[test]
fn more_zones_than_there_are() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {availability_zones: 7}"), @"
     × a network must have 1 to 6 availability zones
      ╭─[stack.yaml:2:31]
    1 │ stack: prod
    2 │ network: {availability_zones: 7}
      ·                               ┬
      ·                               ╰── here
      ╰────
    ");
    let stack = load("stack: prod\nnetwork:\n  availability_zones: 3", &[]).unwrap();
    let mut context = crate::Context::offline("us-west-1");
    context.zones = vec![crate::Zone::of("us-west-1a"), crate::Zone::of("us-west-1c")];
    let errors = stack
        .nodes(&context, &platctl_aws::Aws::offline("us-west-1"))
        .unwrap_err();
    assert_snapshot!(super::render(&errors), @"
     × 3 availability zones requested, but us-west-1 has 2
      ╭─[stack.yaml:3:23]
    2 │ network:
    3 │   availability_zones: 3
      ·                       ┬
      ·                       ╰── too many
      ╰────
     help: available: us-west-1a, us-west-1c
    ");
}

#[test]
fn flow_logs_kept_for_a_time_that_cloudwatch_does_not_know() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {flow_logs: {retention_days: 31}}"), @"
     × 31 is not a retention period that CloudWatch Logs supports: 1, 3, 5, 7, 14, 30, 60, 90, 120,
     │ 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
      ╭─[stack.yaml:2:39]
    1 │ stack: prod
    2 │ network: {flow_logs: {retention_days: 31}}
      ·                                       ─┬
      ·                                        ╰── not supported
      ╰────
    ");
}

#[test]
fn an_endpoint_twice() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {endpoints: [s3, sts, s3]}"), @"
     × duplicate endpoint `s3`
      ╭─[stack.yaml:2:23]
    1 │ stack: prod
    2 │ network: {endpoints: [s3, sts, s3]}
      ·                       ─┬       ─┬
      ·                        │        ╰── second entry
      ·                        ╰── first entry
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork: {endpoints: [S3]}"), @"
     × `S3` is not a valid service name, such as ecr.api
      ╭─[stack.yaml:2:23]
    1 │ stack: prod
    2 │ network: {endpoints: [S3]}
      ·                       ─┬
      ·                        ╰── here
      ╰────
    ");
}

#[test]
fn pools_that_are_none() {
    let with = |cidr: &str| wrong(&format!("stack: prod\nnetwork: {{cidr: {cidr}}}"));
    assert_snapshot!(with("{pool: 10.64.0.0/10, prefix: 24}"), @r"
     × a network cannot have a block of /24 from a pool
      ╭─[stack.yaml:2:46]
    1 │ stack: prod
    2 │ network: {cidr: {pool: 10.64.0.0/10, prefix: 24}}
      ·                                              ─┬
      ·                                               ╰── use /16 to /21
      ╰────
    ");
    assert_snapshot!(with("{pool: 10.64.0.0/21, prefix: 20}"), @r"
     × 10.64.0.0/21 is not a pool of blocks of /20
      ╭─[stack.yaml:2:24]
    1 │ stack: prod
    2 │ network: {cidr: {pool: 10.64.0.0/21, prefix: 20}}
      ·                        ──────┬─────
      ·                              ╰── use /8 to /20
      ╰────
    ");
    assert_snapshot!(with("{pool: 10.64.0.1/10, prefix: 20}"), @r"
     × 10.64.0.1/10 has host bits set: use 10.64.0.0/10
      ╭─[stack.yaml:2:24]
    1 │ stack: prod
    2 │ network: {cidr: {pool: 10.64.0.1/10, prefix: 20}}
      ·                        ──────┬─────
      ·                              ╰── here
      ╰────
    ");
    assert_snapshot!(with("{pool: 10.64.0.0/10}"), @r"
     × `prefix` is missing
      ╭─[stack.yaml:2:11]
    1 │ stack: prod
    2 │ network: {cidr: {pool: 10.64.0.0/10}}
      ·           ──┬─
      ·             ╰── requires `prefix`
      ╰────
    ");
    assert_snapshot!(with("[10.64.0.0/10]"), @r"
     × expected a CIDR block, or a map such as `{pool: 10.64.0.0/10, prefix: 20}`, found a list
      ╭─[stack.yaml:2:11]
    1 │ stack: prod
    2 │ network: {cidr: [10.64.0.0/10]}
      ·           ──┬─
      ·             ╰── this is a list
      ╰────
    ");
}

#[test]
fn subnets_cannot_be_stated_in_a_pool() {
    assert_snapshot!(wrong(
        "stack: prod
network:
  cidr: {pool: 10.64.0.0/10, prefix: 20}
  availability_zones: 1
  subnets: {public: {cidrs: [10.64.0.0/24]}}
"
    ), @r"
     × `cidrs` of subnets cannot be used with a pool
      ╭─[stack.yaml:3:3]
    2 │ network:
    3 │   cidr: {pool: 10.64.0.0/10, prefix: 20}
      ·   ──┬─
      ·     ╰── the block is allocated from this pool
    4 │   availability_zones: 1
    5 │   subnets: {public: {cidrs: [10.64.0.0/24]}}
      ·                      ──┬──
      ·                        ╰── these ranges
      ╰────
     help: remove `cidrs`; to set the size of the subnets, use `prefix`
    ");
}
