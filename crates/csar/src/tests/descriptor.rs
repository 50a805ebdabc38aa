//! Where the descriptor is, and what it says.

use serde_json::json;

use crate::descriptor::{Dependency, Descriptor, Hardware, Service};
use crate::testing::*;

/// The good package with this descriptor.
fn read(yaml: impl AsRef<[u8]>) -> Descriptor {
    taken(&unlisted(yaml)).descriptor
}

fn fails(yaml: impl AsRef<[u8]>) -> String {
    refused(&unlisted(yaml))
}

/// Without a manifest, whose hashes would no longer agree.
fn unlisted(yaml: impl AsRef<[u8]>) -> Zip {
    let mut files = without(&[MANIFEST]);
    files[2].content = yaml.as_ref().to_vec();
    Zip::new(files)
}

/// The properties of `app_configuration`, in one line of flow style each.
fn configured(properties: &str) -> String {
    format!("topology_template: {{node_templates: {{app_configuration: {{properties: {{{properties}}}}}}}}}")
}

#[test]
fn there_is_exactly_one_descriptor() {
    let none = refused(&Zip::new(without(&[DESCRIPTOR, MANIFEST])));
    assert!(
        none.starts_with("there is no MainServiceTemplate.yaml in the package"),
        "{none}"
    );
    let second = "app/Definitions/MainServiceTemplate.yaml";
    assert_eq!(
        refused(&with(File::new(second, YAML))),
        format!("there is more than one MainServiceTemplate.yaml: \"{DESCRIPTOR}\" and \"{second}\"")
    );
    // A folder of that name, or a longer name, is none.
    assert!(
        taken(&with(File::new("app/xMainServiceTemplate.yaml", "")))
            .warnings
            .is_empty()
    );
}

/// A package made after v1.0: the descriptor lies in a zip.
fn newer(zips: &[(&str, Zip)]) -> Zip {
    let mut files = without(&[DESCRIPTOR, MANIFEST]);
    for (name, zip) in zips {
        files.push(File::new(name, zip.bytes()).stored());
    }
    Zip::new(files)
}

fn inner(names: &[&str]) -> Zip {
    Zip::new(names.iter().map(|name| File::new(name, YAML)).collect())
}

#[test]
fn the_descriptor_may_lie_in_the_one_zip_of_appd() {
    let at = "Definition/MainServiceTemplate.yaml";
    let package = taken(&newer(&[("app/APPD/app.zip", inner(&[at]))]));
    assert_eq!(package.descriptor_path, format!("app/APPD/app.zip/{at}"));
    assert_eq!(package.images.len(), 2);

    let two = newer(&[("app/APPD/a.zip", inner(&[at])), ("app/APPD/b.zip", inner(&[at]))]);
    assert!(refused(&two).contains("there are several zips in APPD"));
    let elsewhere = newer(&[("app/Artifacts/a.zip", inner(&[at]))]);
    assert!(refused(&elsewhere).contains("there is no zip in APPD"));
    let empty = newer(&[("app/APPD/a.zip", inner(&["README"]))]);
    assert!(refused(&empty).contains("\"app/APPD/a.zip\" holds none"));
    let twice = newer(&[("app/APPD/a.zip", inner(&[at, "MainServiceTemplate.yaml"]))]);
    assert!(refused(&twice).contains("more than one MainServiceTemplate.yaml"));
    let mut both = good();
    both.push(File::new("app/APPD/a.zip", inner(&[at]).bytes()));
    assert!(refused(&Zip::new(both)).contains("more than one MainServiceTemplate.yaml"));
}

#[test]
fn a_zip_beside_the_descriptor_may_be_anything() {
    let mut stray = inner(&["README"]);
    stray.after = vec![0; 3];
    for content in [stray.bytes(), vec![7; (4 << 20) + 1]] {
        let package = taken(&with(File::new("app/APPD/docs.zip", content).stored()));
        assert_eq!(package.descriptor_path, DESCRIPTOR);
        let [warning] = &package.warnings[..] else {
            panic!("{:?}", package.warnings)
        };
        assert!(
            warning.starts_with("no descriptor was looked for in \"app/APPD/docs.zip\": "),
            "{warning}"
        );
    }
}

#[test]
fn a_million_images_cost_no_more_than_reading_them() {
    // Found by comparing each with all before it, they would take a quarter of an hour.
    let names: String = (0..500_000).map(|at| format!("{at:x},")).collect();
    let node = "type: tosca.nodes.nfv.Vdu.Compute, properties:";
    let yaml = format!(
        "topology_template: {{node_templates: {{a: {{{node} {{sw_image_data: {{name: '{names}'}}}}}}}}}}"
    );
    let package = taken(&unlisted(yaml));
    assert_eq!(package.images.len(), 1000);
    let most = "the descriptor lists more than 1000 images; the rest is left out";
    assert!(
        package.warnings.contains(&most.to_owned()),
        "{:?}",
        package.warnings
    );

    let items: String = (0..200_000)
        .map(|at| format!(",{{\"swImage\":\"{at:x}\"}}"))
        .collect();
    let json = format!("[{}]", &items[1..]);
    assert!(json.len() < 4 << 20);
    let listed = taken(&with(File::new("app/Image/SwImageDesc.json", json).stored()));
    assert_eq!((listed.images.len(), listed.warnings.len()), (1000, 1));
}

#[test]
fn the_zip_inside_is_judged_as_the_package_is() {
    let judged = |zip: Zip| refused(&newer(&[("app/APPD/a.zip", zip)]));
    assert_eq!(
        judged(inner(&["../MainServiceTemplate.yaml"])),
        "entry \"app/APPD/a.zip/../MainServiceTemplate.yaml\" climbs out of the package with \"..\""
    );
    let after = Zip {
        after: vec![0; 3],
        ..inner(&["MainServiceTemplate.yaml"])
    };
    assert!(judged(after).starts_with("\"app/APPD/a.zip\" is not a sound ZIP archive"));
    let many = (0..1025).map(|at| File::new(format!("{at}"), "").stored());
    assert!(judged(Zip::new(many.collect())).contains("has 1025 entries"));
}

#[test]
fn a_descriptor_has_to_be_yaml_in_utf_8() {
    assert_eq!(
        fails(b"a: \xff"),
        format!("descriptor \"{DESCRIPTOR}\": it is not UTF-8 text (at byte 3)")
    );
    assert!(fails("a: [1, 2").contains("it is not YAML: line"));
    assert!(fails("").contains("it is empty"));
    assert!(fails("- a\n- b\n").contains("it has to be a mapping"));
    for two in ["a: 1\n---\nb: 2\n", "a: 1\n---\ntext\n", "a: 1\n---\n- x\n"] {
        assert!(fails(two).contains("more than one YAML document"), "{two}");
    }
    for one in ["---\na: 1\n---\n", "a: 1\n---\n# nothing\n...\n"] {
        assert_eq!(read(one).images.len(), 0, "{one}");
    }
    assert!(fails("a: \"\\0\"\n").contains("NUL"));
}

#[test]
fn a_descriptor_that_grows_without_end_is_refused() {
    let mut laughs = String::from("l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for level in 1..12 {
        let before = format!("*l{}, ", level - 1).repeat(10);
        laughs.push_str(&format!("l{level}: &l{level} [{before}]\n"));
    }
    assert!(fails(&laughs).contains("its aliases expand to more than 4194304 bytes"));
    let merged: String = (1..12)
        .map(|level| format!("m{level}: &m{level} {{<<: [*m{0}, *m{0}], a{level}: [*m{0}, *m{0}, *m{0}, *m{0}, *m{0}, *m{0}, *m{0}, *m{0}]}}\n", level - 1))
        .collect();
    assert!(fails(format!("m0: &m0 {{a: b}}\n{merged}")).contains("its aliases expand"));
    assert!(fails("a: &a [*a]\n").contains(DESCRIPTOR));
    assert!(fails(format!("a: [{}]", "a,".repeat(500_001))).contains("it has more than 500000 values"));
}

#[test]
fn a_descriptor_is_nested_64_deep_at_most() {
    // The mapping around the lists is the first level.
    let nested = |depth: usize| format!("a: {}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(read(nested(64)).images.len(), 0);
    for depth in [65, 66, 500, 100_000] {
        assert!(
            refused(&unlisted(nested(depth))).starts_with("descriptor "),
            "{depth}"
        );
    }
    let blocks: String = (0..65).map(|at| format!("{}a:\n", " ".repeat(at))).collect();
    assert!(fails(blocks).starts_with("descriptor "));
    // Aliases nest too.
    let mut steps = String::from("s0: &s0 []\n");
    for step in 1..70 {
        steps.push_str(&format!("s{step}: &s{step} [*s{}]\n", step - 1));
    }
    assert!(fails(steps).contains("it is nested deeper than 64"));
}

#[test]
fn yaml_as_published_packages_write_it_is_understood() {
    let tabs = YAML.replace("    logic0:", "\t\t\n    logic0:\t");
    assert_eq!(read(tabs).images.len(), 2);
    assert_eq!(read(YAML.replace('\n', "\r\n")).images.len(), 2);
    assert_eq!(read(format!("\u{feff}{YAML}")).images.len(), 2);
    let twice = format!("{YAML}metadata: {{template_author: second}}\n");
    assert_eq!(read(twice).images.len(), 2);
    let last = configured("appName: first, appName: last");
    assert_eq!(read(last).app_name.as_deref(), Some("last"));
}

#[test]
fn images_are_those_of_the_compute_nodes() {
    let nodes = |nodes: &str| read(format!("topology_template: {{node_templates: {{{nodes}}}}}")).images;
    let compute = "type: tosca.nodes.nfv.Vdu.Compute, properties:";
    assert_eq!(
        nodes(&format!(
            "a: {{{compute} {{sw_image_data: {{name: ' x:1 ,y:2,, x:1 '}}}}}}, b: {{{compute} {{sw_image_data: {{name: z}}}}}}"
        )),
        ["x:1", "y:2", "z"]
    );
    let control = taken(&unlisted(format!(
        "topology_template: {{node_templates: {{a: {{{compute} {{sw_image_data: {{name: \"x:1,y\\x07:2\"}}}}}}}}}}"
    )));
    assert_eq!(control.images, ["x:1"]);
    let left_out = "the descriptor lists an image with a control character; it is left out";
    assert!(
        control.warnings.contains(&left_out.to_owned()),
        "{:?}",
        control.warnings
    );
    // The older layout has none, and other nodes' images are not pulled.
    assert!(nodes(&format!("a: {{{compute} {{name: logic}}}}")).is_empty());
    assert!(nodes("a: {type: other, properties: {sw_image_data: {name: x}}}").is_empty());
}

#[test]
fn dependencies_are_read_and_their_ids_have_no_pattern() {
    let yaml = "dependencies:\n- {name: gw, appId: abc123, packageId: 00ff}\n- {name: db, appId: 6a75a2bd-9811-432f-bbe8-2813aa97d364}\n";
    let dependency = |name: &str, app: &str, package: Option<&str>| Dependency {
        name: Some(name.to_owned()),
        app_id: Some(app.to_owned()),
        package_id: package.map(str::to_owned),
    };
    assert_eq!(
        read(yaml).dependencies,
        [
            dependency("gw", "abc123", Some("00ff")),
            dependency("db", "6a75a2bd-9811-432f-bbe8-2813aa97d364", None),
        ]
    );
    assert!(read("dependencies: null").dependencies.is_empty());
    assert!(fails("dependencies: [gw]").contains("dependencies[0] has to be a mapping"));
}

#[test]
fn services_keep_their_version_as_written() {
    let yaml = configured(
        "appServiceRequired: [{serName: a, version: 1.0, appId: abc123}, {serName: b, version: '2.10'}], \
         appServiceOptional: null, appServiceProduced: [{serName: c, version: v3}]",
    );
    let descriptor = read(yaml);
    let service = |name: &str, version: &str, app: Option<&str>| Service {
        ser_name: Some(name.to_owned()),
        version: Some(version.to_owned()),
        app_id: app.map(str::to_owned),
        package_id: None,
    };
    assert_eq!(
        descriptor.services_required,
        [service("a", "1.0", Some("abc123")), service("b", "2.10", None)]
    );
    assert!(descriptor.services_optional.is_empty());
    assert_eq!(descriptor.services_produced, [service("c", "v3", None)]);
    assert_eq!(descriptor.rules, None);
    let odd = taken(&unlisted(configured("appServiceRequired: none")));
    assert!(
        odd.warnings.iter().any(|text| text.contains("left out")),
        "{:?}",
        odd.warnings
    );
}

#[test]
fn rules_become_those_of_the_api() {
    let yaml = configured(
        "appName: cam, appSupportMp1: true, \
         appTrafficRule: [{trafficRuleId: t1, filterType: FLOW, priority: 1, action: DROP, \
         trafficFilter: [{srcPort: [8080], dstPort: 90, tag: [7], tgtTunnelAddress: [10.0.0.1], qCI: 1}], \
         dstInterface: {interfaceType: TUNNEL, tunnelInfo: {tunnelType: GTP_U}, srcMacAddress: 02-00-00-00-00-00}}], \
         appDNSRule: [{dnsRuleId: d1, domainName: a.org, ipAddressType: IP_V4, ipAddress: 10.0.0.2, ttl: 100}]",
    );
    let rules = read(yaml).rules.unwrap();
    assert_eq!(rules["appName"], "cam");
    assert_eq!(rules["appSupportMp1"], true);
    let rule = &rules["appTrafficRule"][0];
    assert_eq!(rule["priority"], 1);
    let filter = &rule["trafficFilter"][0];
    assert_eq!(filter["srcPort"], json!(["8080"]));
    assert_eq!(filter["dstPort"], json!(["90"]));
    assert_eq!(filter["tag"], json!(["7"]));
    assert_eq!(filter["dstTunnelAddress"], json!(["10.0.0.1"]));
    assert_eq!(filter["qCI"], 1);
    let interface = &rule["dstInterface"][0];
    assert_eq!(interface["srcMacAddress"], "02-00-00-00-00-00");
    assert_eq!(interface["tunnelInfo"]["tunnelSpecificData"], json!(null));
    assert_eq!(
        rules["appDNSRule"],
        json!([{"dnsRuleId": "d1", "domainName": "a.org", "ipAddressType": "IP_V4", "ipAddress": "10.0.0.2", "ttl": 100}])
    );
    let wrong = taken(&unlisted(configured("appTrafficRule: [{priority: high}]")));
    assert_eq!(wrong.descriptor.rules, None);
    let why = "app_configuration.appTrafficRule[0].priority is \"high\", not a whole number; the app rules are left out";
    assert!(wrong.warnings.contains(&why.to_owned()), "{:?}", wrong.warnings);
}

#[test]
fn hardware_is_information() {
    let yaml = "topology_template: {node_templates: {a: {type: tosca.nodes.nfv.Vdu.Compute, properties: \
        {vdu_mec_host_requirements: {mec_host_GPU_affinity: {hardwarePlatform: P, mandatory: true, configurationValue: GPU}}}}}}";
    assert_eq!(
        read(yaml).hardware,
        [Hardware {
            node: "a".to_owned(),
            name: "mec_host_GPU_affinity".to_owned(),
            platform: Some("P".to_owned()),
            value: Some("GPU".to_owned()),
            mandatory: true,
        }]
    );
}

#[test]
fn who_made_what_is_taken_from_the_first_place_that_says_it() {
    let good = taken(&Zip::new(good())).descriptor;
    let shown = |descriptor: &Descriptor| {
        [&descriptor.provider, &descriptor.name, &descriptor.version]
            .map(|text| text.clone().unwrap_or_default())
    };
    assert_eq!(shown(&good), ["Maker", "cam", "1.0"]);
    let metadata = "metadata: {template_author: me, vnfd_name: app, vnfd_version: v1.0}";
    assert_eq!(shown(&read(metadata)), ["me", "app", "v1.0"]);
    let manifest = taken(&with_content(DESCRIPTOR, metadata)).descriptor;
    assert_eq!(shown(&manifest), ["Maker", "cam", "1.0"]);
    assert_eq!(shown(&read("a: b")), ["", "", ""]);
}
