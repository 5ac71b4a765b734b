//! What AWS lets a policy say about each action. AWS's service authorization reference is the source; a check in
//! `tests/truth` compares.

/// What every run needs, whatever is in the stack: who it is, which zones there are, which prefix list CloudFront has,
/// which networks there are, and what has the tags of the stack.
pub(crate) const RUN: &[&str] = &[
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeManagedPrefixLists",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "sts:GetCallerIdentity",
    "tag:GetResources",
];

/// How what controllers of a cluster created is found.
pub(super) const LEFTOVERS_READ: &[&str] = &[
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeVolumes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "iam:ListInstanceProfiles",
    "logs:DescribeLogGroups",
];

/// How what controllers of a cluster created is deleted. Only with a tag that names the cluster.
pub(super) const LEFTOVERS: &[&str] = &[
    "ec2:DeleteLaunchTemplate",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteVolume",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:TerminateInstances",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
];

/// The same for what controllers name after the cluster.
pub(super) const LEFTOVERS_NAMED: &[&str] = &[
    "iam:DeleteInstanceProfile",
    "iam:RemoveRoleFromInstanceProfile",
    "logs:DeleteLogGroup",
];

/// Tags by which controllers say for which cluster they created something: the key, and whether the name of the
/// cluster is its end (the value is `owned` then) or its value.
pub(super) const CLUSTER_TAGS: &[(&str, bool)] = &[
    ("kubernetes.io/cluster/", true),
    ("cluster.k8s.amazonaws.com/name", false),
    ("ebs.csi.aws.com/cluster-name", false),
    ("eks:eks-cluster-name", false),
    ("elbv2.k8s.aws/cluster", false),
];

/// Services whose objects have IDs of AWS in their ARNs, and whose policies can ask for tags.
pub(super) const TAGGED: &[&str] = &[
    "acm",
    "application-autoscaling",
    "backup",
    "cloudfront",
    "codeconnections",
    "codestar-connections",
    "ec2",
    "kms",
];

/// Services whose reads answer lists, for which AWS asks for all objects of a type.
pub(super) const LISTING: &[&str] = &["cloudwatch", "ecr", "elasticache", "rds"];

/// Actions that AWS does not limit to a resource.
pub(super) const UNLIMITED: &[&str] = &[
    "acm:ListCertificates",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "autoscaling:DescribeScalingActivities",
    "backup-storage:MountCapsule",
    "backup:ListBackupPlans",
    "backup:ListBackupVaults",
    "cloudfront:CreateCachePolicy",
    "cloudfront:CreateOriginAccessControl",
    "cloudfront:CreateResponseHeadersPolicy",
    "cloudfront:ListCachePolicies",
    "cloudfront:ListDistributions",
    "cloudfront:ListOriginAccessControls",
    "cloudfront:ListResponseHeadersPolicies",
    "cloudfront:ListVpcOrigins",
    "codecommit:CreateApprovalRuleTemplate",
    "codecommit:DeleteApprovalRuleTemplate",
    "codecommit:GetApprovalRuleTemplate",
    "codecommit:ListRepositories",
    "codecommit:ListRepositoriesForApprovalRuleTemplate",
    "codecommit:UpdateApprovalRuleTemplateContent",
    "codecommit:UpdateApprovalRuleTemplateDescription",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeFlowLogs",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeManagedPrefixLists",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "eks:DescribeAddonVersions",
    "eks:DescribeClusterVersions",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:SetWebAcl",
    "firehose:ListDeliveryStreams",
    "iam:ListInstanceProfiles",
    "iam:ListRoles",
    "kms:ListAliases",
    "kms:ListKeys",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DeleteResourcePolicy",
    "logs:DescribeDeliveries",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:PutResourcePolicy",
    "rds:DescribeDBEngineVersions",
    "rds:DescribeDBMajorEngineVersions",
    "rds:DescribeEngineDefaultClusterParameters",
    "rds:DescribeEngineDefaultParameters",
    "rds:DescribeOrderableDBInstanceOptions",
    "secretsmanager:GetRandomPassword",
    "secretsmanager:ListSecrets",
    "sns:GetSubscriptionAttributes",
    "sns:ListTopics",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
    "ssm:DescribeParameters",
    "sts:GetCallerIdentity",
    "tag:GetResources",
    "wafv2:ListWebACLs",
];

/// Actions on objects that have IDs of AWS and no tags.
pub(super) const UNTAGGED: &[&str] = &[
    "cloudfront:DeleteCachePolicy",
    "cloudfront:DeleteOriginAccessControl",
    "cloudfront:DeleteResponseHeadersPolicy",
    "cloudfront:GetCachePolicy",
    "cloudfront:GetOriginAccessControl",
    "cloudfront:GetResponseHeadersPolicy",
    "cloudfront:UpdateCachePolicy",
    "cloudfront:UpdateOriginAccessControl",
    "cloudfront:UpdateResponseHeadersPolicy",
];

/// Actions that EKS and ElastiCache ask of their caller for the nodes and the network interfaces that they create.
pub(super) const FOR_SERVICES: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:RunInstances",
];

/// Actions that create an object which has an ID of AWS, or that set its tags. The tags are in the request.
pub(super) const NEW: &[&str] = &[
    "acm:AddTagsToCertificate",
    "acm:RequestCertificate",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    "backup:CreateBackupPlan",
    "backup:CreateBackupVault",
    "backup:TagResource",
    "cloudfront:CreateDistribution",
    "cloudfront:CreateVpcOrigin",
    "cloudfront:TagResource",
    "codeconnections:CreateConnection",
    "codeconnections:TagResource",
    "eks:CreateCluster",
    "kms:CreateKey",
    "kms:TagResource",
];

/// Actions of Amazon EC2 that create objects, with the types of these objects. Other types that the same actions need,
/// such as the VPC of a subnet, are in another row, so that the tag of the request does not count for them.
pub(super) const NEW_EC2: &[(&[&str], &[&str])] = &[
    (
        &[
            "ec2:AllocateAddress",
            "ec2:CreateInternetGateway",
            "ec2:CreateLaunchTemplate",
            "ec2:CreateVpc",
        ],
        &["elastic-ip", "internet-gateway", "launch-template", "vpc"],
    ),
    (
        &[
            "ec2:CreateRouteTable",
            "ec2:CreateSecurityGroup",
            "ec2:CreateSubnet",
        ],
        &["route-table", "security-group", "subnet"],
    ),
    (
        &[
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateFlowLogs",
            "ec2:CreateNatGateway",
            "ec2:CreateVpcEndpoint",
        ],
        &[
            "natgateway",
            "security-group-rule",
            "vpc-endpoint",
            "vpc-flow-log",
        ],
    ),
];
