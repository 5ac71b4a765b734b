//! What a new version of a launch template keeps: AWS takes over from the source version all parameters that are not
//! sent, and each one whole.

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMapping, LaunchTemplateBlockDeviceMappingRequest,
    LaunchTemplateEbsBlockDevice, LaunchTemplateEbsBlockDeviceRequest,
    LaunchTemplateHttpTokensState, LaunchTemplateInstanceMetadataEndpointState,
    LaunchTemplateInstanceMetadataOptions, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceMetadataProtocolIpv6, LaunchTemplateInstanceMetadataTagsState,
    RequestLaunchTemplateData, ResponseLaunchTemplateData, VolumeType,
};
use platctl_engine::Changes;

use super::launch_template::{BlockDevice, Spec, data};
use crate::unmanaged::{part, settings, some};

/// What a new version has to say, with `now` as its source.
pub(super) fn version(
    now: &ResponseLaunchTemplateData,
    spec: &Spec,
    changes: &Changes,
) -> RequestLaunchTemplateData {
    let new = data(spec);
    let metadata = changes
        .touch("/metadata_options")
        .then(|| metadata(now.metadata_options(), spec));
    RequestLaunchTemplateData::builder()
        .set_image_id(new.image_id.filter(|_| changes.touch("/image_id")))
        .set_instance_type(
            new.instance_type
                .filter(|_| changes.touch("/instance_type")),
        )
        .set_key_name(new.key_name.filter(|_| changes.touch("/key_name")))
        .set_security_group_ids(
            new.security_group_ids
                .filter(|_| changes.touch("/security_group_ids")),
        )
        .set_metadata_options(metadata)
        .set_block_device_mappings(devices(now.block_device_mappings(), spec, changes))
        .set_monitoring(new.monitoring.filter(|_| changes.touch("/monitoring")))
        .set_user_data(new.user_data.filter(|_| changes.touch("/user_data")))
        .set_tag_specifications(
            new.tag_specifications
                .filter(|_| changes.touch("/tag_specifications")),
        )
        .build()
}

fn metadata(
    now: Option<&LaunchTemplateInstanceMetadataOptions>,
    spec: &Spec,
) -> LaunchTemplateInstanceMetadataOptionsRequest {
    let stated = &spec.metadata_options;
    LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_tokens(LaunchTemplateHttpTokensState::from(
            stated.http_tokens.as_str(),
        ))
        .http_put_response_hop_limit(stated.http_put_response_hop_limit)
        .set_http_endpoint(now.and_then(|now| now.http_endpoint.clone()))
        .set_http_protocol_ipv6(now.and_then(|now| now.http_protocol_ipv6.clone()))
        .set_instance_metadata_tags(now.and_then(|now| now.instance_metadata_tags.clone()))
        .build()
}

/// The block devices: each stated one over the live one of its name, and those that have no form of ours. Snapshots
/// are the one thing that a version does not take over from its source, so where there are any all devices are sent.
fn devices(
    now: &[LaunchTemplateBlockDeviceMapping],
    spec: &Spec,
    changes: &Changes,
) -> Option<Vec<LaunchTemplateBlockDeviceMappingRequest>> {
    let stated = spec.block_device_mappings.as_ref();
    let Some(stated) = stated.filter(|_| changes.touch("/block_device_mappings")) else {
        return now
            .iter()
            .any(|one| snapshot(one).is_some())
            .then(|| now.iter().map(request).collect());
    };
    let live = |disk: &BlockDevice| {
        now.iter()
            .find(|now| now.device_name() == Some(disk.device_name.as_str()))
    };
    let ours = stated.iter().map(|disk| over(live(disk), disk));
    let others = now
        .iter()
        .filter(|now| BlockDevice::from_aws(now).is_none());
    Some(ours.chain(others.map(request)).collect())
}

fn snapshot(device: &LaunchTemplateBlockDeviceMapping) -> Option<&str> {
    device.ebs()?.snapshot_id()
}

/// A device as it is, with what is stated of it. What the live one leaves to AWS stays so where it comes to the same.
fn over(
    now: Option<&LaunchTemplateBlockDeviceMapping>,
    stated: &BlockDevice,
) -> LaunchTemplateBlockDeviceMappingRequest {
    let Some((now, is)) = now.and_then(|now| Some((now, BlockDevice::from_aws(now)?))) else {
        return stated.to_aws();
    };
    let mut sent = request(now);
    let Some(ebs) = &mut sent.ebs else {
        return stated.to_aws();
    };
    if is.volume_size != stated.volume_size {
        ebs.volume_size = Some(stated.volume_size);
    }
    if is.volume_type != stated.volume_type {
        ebs.volume_type = Some(VolumeType::from(stated.volume_type.as_str()));
    }
    if is.encrypted != stated.encrypted {
        ebs.encrypted = Some(stated.encrypted);
    }
    if is.delete_on_termination != stated.delete_on_termination {
        ebs.delete_on_termination = Some(stated.delete_on_termination);
    }
    ebs.kms_key_id = stated.kms_key_id.as_ref().map(ToString::to_string);
    ebs.iops = stated.iops;
    ebs.throughput = stated.throughput;
    sent
}

/// A device as AWS answers it, as AWS takes it.
fn request(now: &LaunchTemplateBlockDeviceMapping) -> LaunchTemplateBlockDeviceMappingRequest {
    let ebs = |now: &LaunchTemplateEbsBlockDevice| {
        LaunchTemplateEbsBlockDeviceRequest::builder()
            .set_encrypted(now.encrypted)
            .set_delete_on_termination(now.delete_on_termination)
            .set_iops(now.iops)
            .set_kms_key_id(now.kms_key_id.clone())
            .set_snapshot_id(now.snapshot_id.clone())
            .set_volume_size(now.volume_size)
            .set_volume_type(now.volume_type.clone())
            .set_throughput(now.throughput)
            .set_volume_initialization_rate(now.volume_initialization_rate)
            .set_ebs_card_index(now.ebs_card_index)
            .build()
    };
    LaunchTemplateBlockDeviceMappingRequest::builder()
        .set_device_name(now.device_name.clone())
        .set_virtual_name(now.virtual_name.clone())
        .set_no_device(now.no_device.clone())
        .set_ebs(now.ebs().map(ebs))
        .build()
}

/// What is set in a version and cannot be said in a spec.
pub(super) fn unmanaged(now: &ResponseLaunchTemplateData) -> Vec<String> {
    let mut all: Vec<String> = now
        .block_device_mappings()
        .iter()
        .filter_map(of_device)
        .collect();
    all.extend(now.metadata_options().and_then(of_metadata));
    all.extend(settings([
        ("IAM instance profile", now.iam_instance_profile().is_some()),
        ("network interfaces", some(now.network_interfaces())),
        (
            "secondary network interfaces",
            some(now.secondary_interfaces()),
        ),
        ("security groups by name", some(now.security_groups())),
        ("placement", now.placement().is_some()),
        ("EBS optimization", now.ebs_optimized() == Some(true)),
        (
            "instance requirements",
            now.instance_requirements().is_some(),
        ),
        ("spot settings", now.instance_market_options().is_some()),
        ("credit specification", now.credit_specification().is_some()),
        ("CPU options", now.cpu_options().is_some()),
        (
            "capacity reservation",
            now.capacity_reservation_specification().is_some(),
        ),
        ("licenses", some(now.license_specifications())),
        (
            "termination protection",
            now.disable_api_termination() == Some(true),
        ),
        ("stop protection", now.disable_api_stop() == Some(true)),
        (
            "shutdown behavior",
            now.instance_initiated_shutdown_behavior().is_some(),
        ),
        (
            "hibernation",
            now.hibernation_options().and_then(|one| one.configured()) == Some(true),
        ),
        (
            "enclaves",
            now.enclave_options().and_then(|one| one.enabled()) == Some(true),
        ),
        (
            "private DNS names",
            now.private_dns_name_options().is_some(),
        ),
        ("automatic recovery", now.maintenance_options().is_some()),
        (
            "network performance",
            now.network_performance_options().is_some(),
        ),
        ("kernel", now.kernel_id().or(now.ram_disk_id()).is_some()),
    ]));
    all
}

fn of_device(device: &LaunchTemplateBlockDeviceMapping) -> Option<String> {
    let name = format!("device {}", device.device_name().unwrap_or_default());
    let Some(ebs) = device.ebs() else {
        return Some(name);
    };
    let own = settings([
        ("snapshot", ebs.snapshot_id().is_some()),
        (
            "initialization rate",
            ebs.volume_initialization_rate().is_some(),
        ),
        ("EBS card", ebs.ebs_card_index().is_some()),
    ]);
    part(&name, &own)
}

fn of_metadata(options: &LaunchTemplateInstanceMetadataOptions) -> Option<String> {
    let own = settings([
        (
            "disabled",
            options.http_endpoint() == Some(&LaunchTemplateInstanceMetadataEndpointState::Disabled),
        ),
        (
            "IPv6",
            options.http_protocol_ipv6()
                == Some(&LaunchTemplateInstanceMetadataProtocolIpv6::Enabled),
        ),
        (
            "tags",
            options.instance_metadata_tags()
                == Some(&LaunchTemplateInstanceMetadataTagsState::Enabled),
        ),
    ]);
    part("instance metadata", &own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::changes;
    use crate::ec2::launch_template::LaunchTemplate;
    use platctl_engine::Kind;
    use serde_json::json;

    /// A root device from a snapshot, whose type nobody said, and a disk of the host.
    fn by_hand() -> ResponseLaunchTemplateData {
        let ebs = LaunchTemplateEbsBlockDevice::builder()
            .snapshot_id("snap-1")
            .volume_size(50)
            .encrypted(true);
        let root = LaunchTemplateBlockDeviceMapping::builder()
            .device_name("/dev/xvda")
            .ebs(ebs.build())
            .build();
        let host = LaunchTemplateBlockDeviceMapping::builder()
            .device_name("/dev/sdb")
            .virtual_name("ephemeral0");
        let options = LaunchTemplateInstanceMetadataOptions::builder()
            .instance_metadata_tags(LaunchTemplateInstanceMetadataTagsState::Enabled)
            .http_put_response_hop_limit(2);
        ResponseLaunchTemplateData::builder()
            .block_device_mappings(root)
            .block_device_mappings(host.build())
            .metadata_options(options.build())
            .ebs_optimized(true)
            .build()
    }

    #[test]
    fn only_what_changes_is_said_and_snapshots_are_said_again() {
        let asked = changes(&[("/monitoring", json!(false), json!(true))]);
        let spec = Spec {
            monitoring: Some(true),
            ..LaunchTemplate::example()
        };
        let sent = version(&by_hand(), &spec, &asked);
        let wanted = RequestLaunchTemplateData::builder()
            .set_monitoring(data(&spec).monitoring)
            .set_block_device_mappings(Some(
                by_hand()
                    .block_device_mappings()
                    .iter()
                    .map(request)
                    .collect(),
            ))
            .build();
        assert_eq!(sent, wanted);
        let plain = ResponseLaunchTemplateData::builder().build();
        assert_eq!(version(&plain, &spec, &asked).block_device_mappings, None);
    }

    #[test]
    fn a_larger_disk_keeps_its_snapshot_and_says_nothing_that_nobody_said() {
        let mut disk = BlockDevice::from_aws(&by_hand().block_device_mappings()[0]).unwrap();
        disk.volume_size = 100;
        let spec = Spec {
            block_device_mappings: Some(vec![disk]),
            ..LaunchTemplate::example()
        };
        let asked = changes(&[("/block_device_mappings", json!([]), json!([]))]);
        let sent = version(&by_hand(), &spec, &asked);
        let mut wanted: Vec<_> = by_hand()
            .block_device_mappings()
            .iter()
            .map(request)
            .collect();
        wanted[0].ebs.as_mut().unwrap().volume_size = Some(100);
        assert_eq!(sent.block_device_mappings(), wanted);
        let root = wanted[0].ebs().unwrap();
        assert_eq!(
            (
                root.snapshot_id(),
                root.volume_type(),
                root.delete_on_termination()
            ),
            (Some("snap-1"), None, None)
        );
    }

    #[test]
    fn the_options_of_the_metadata_keep_the_tags() {
        let asked = changes(&[(
            "/metadata_options/http_tokens",
            json!("optional"),
            json!("required"),
        )]);
        let sent = version(&by_hand(), &LaunchTemplate::example(), &asked)
            .metadata_options
            .unwrap();
        assert_eq!(
            sent.instance_metadata_tags(),
            Some(&LaunchTemplateInstanceMetadataTagsState::Enabled)
        );
        assert_eq!(
            sent.http_tokens(),
            Some(&LaunchTemplateHttpTokensState::Required)
        );
    }

    #[test]
    fn what_stays_is_said() {
        assert_eq!(
            unmanaged(&by_hand()),
            [
                "device /dev/xvda: snapshot",
                "device /dev/sdb",
                "instance metadata: tags",
                "EBS optimization"
            ]
        );
    }
}
