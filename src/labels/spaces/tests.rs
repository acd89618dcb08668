//! Labels of one dataset and of several.

use super::*;

fn faces() -> LabelSpace {
    LabelSpace::attributes(["Male", "Young"])
}

fn joint() -> LabelSpaces {
    let moods = LabelSpace::classes(["angry", "happy", "sad"]);
    let sketches = LabelSpace::attributes(["Male", "Ink"]);
    LabelSpaces::joint([("faces", faces()), ("moods", moods), ("sketches", sketches)]).unwrap()
}

#[test]
fn widths_ranges_and_conditions() {
    let single = LabelSpaces::single(faces());
    assert_eq!((single.len(), single.name(0)), (1, "data"));
    assert_eq!((single.label_width(), single.condition_width()), (2, 2));
    assert_eq!(single.condition(0, &[0.5, 1.0]), [0.5, 1.0]);

    let joint = joint();
    assert_eq!((joint.label_width(), joint.condition_width()), (7, 10));
    let ranges: Vec<_> = (0..joint.len()).map(|dataset| joint.logit_range(dataset)).collect();
    assert_eq!(ranges, [0..2, 2..5, 5..7]);
    assert_eq!(
        joint.condition(1, &[0.0, 1.0, 0.0]),
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    );
    assert_eq!(joint.targets(1, &[1.0, 0.0, 0.0])[1].label, [0.0, 1.0, 0.0]);
}

#[test]
#[should_panic(expected = "another width")]
fn a_condition_needs_the_width_of_its_dataset() {
    joint().condition(1, &[0.0, 1.0]);
}

#[test]
fn edits_find_their_dataset() {
    let cases: [(&str, usize, &[f32]); 9] = [
        ("", 0, &[0.0, 0.0]),
        ("moods:", 1, &[0.0, 0.0, 0.0]),
        ("Young", 0, &[0.0, 1.0]),
        ("happy=0.5", 1, &[0.0, 0.5, 0.0]),
        ("moods:happy", 1, &[0.0, 1.0, 0.0]),
        ("faces:Male", 0, &[1.0, 0.0]),
        ("sketches:Male, Ink=0.5", 2, &[1.0, 0.5]),
        ("-sketches:Ink, sketches:+Male", 2, &[1.0, 0.0]),
        ("-Ink", 2, &[0.0, 0.0]),
    ];
    for (text, dataset, expected) in cases {
        let edits = joint().edits(text).unwrap();
        let [edit] = &edits[..] else { panic!("{text:?}: {edits:?}") };
        let source = vec![0.0; joint().space(dataset).width()];
        assert_eq!((edit.dataset, &edit.apply(&source)[..]), (dataset, expected), "{text:?}");
    }
    let single = LabelSpaces::single(faces());
    assert_eq!(single.edits("data:Male").unwrap()[0].apply(&[0.0; 2]), [1., 0.]);
    let sad = (1, vec![0.0, 0.0, 1.0]);
    assert_eq!(joint().source_labels("sad").unwrap(), std::slice::from_ref(&sad));
    assert_eq!(joint().source_labels("sketches:").unwrap(), [(2, vec![0.0, 0.0])]);
    assert_eq!(joint().source_labels("sad,Young").unwrap(), [sad, (0, vec![0.0, 1.0])]);
}

#[test]
fn terms_of_several_datasets_are_edits_one_after_the_other() {
    let edits = joint().edits("happy, -Young, Ink=0.5, faces:Male").unwrap();
    let found: Vec<_> = edits
        .iter()
        .map(|edit| {
            let halves = vec![0.5; joint().space(edit.dataset).width()];
            (edit.dataset, edit.apply(&halves))
        })
        .collect();
    let expected = [(1, vec![0.0, 1.0, 0.0]), (0, vec![1.0, 0.0]), (2, vec![0.5, 0.75])];
    assert_eq!(found, expected);
}

#[test]
fn without_a_mask_the_condition_is_the_labels() {
    let spaces = joint().without_mask();
    assert_eq!((spaces.mask_width(), spaces.condition_width()), (0, 7));
    assert_eq!(spaces.condition(1, &[0.0, 1.0, 0.0]), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!((joint().mask_width(), LabelSpaces::single(faces()).mask_width()), (3, 0));
    let json = serde_json::to_string(&spaces).unwrap();
    assert!(json.ends_with(r#""mask":false}"#), "{json}");
    assert_eq!(serde_json::from_str::<LabelSpaces>(&json).unwrap(), spaces);
    assert_ne!(spaces, joint());
    assert_eq!(LabelSpaces::single(faces()).without_mask(), LabelSpaces::single(faces()));
    for (json, expected) in [
        (r#"{"datasets": []}"#, "missing field `mask`"),
        (r#"{"datasets": [], "mask": false, "n": 1}"#, "unknown field `n`"),
        (r#"[{"name": "a"}]"#, "missing field `labels`"),
        ("3", "expected a list of datasets"),
    ] {
        let error = serde_json::from_str::<LabelSpaces>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn edits_that_find_none() {
    let cases = [
        ("Male", "write \"faces:Male\" or \"sketches:Male\""),
        ("hapy", "did you mean \"happy\"? (known: faces: Male, Young; moods: angry, happy, sad"),
        ("mood:happy", "unknown dataset \"mood\", did you mean \"moods\"?"),
        ("moods:Young", "unknown label \"Young\""),
        ("faces:Male,faces:-Male", "appears twice"),
        ("moods:-happy", "cannot be cleared"),
        ("faces:,happy", "expected a label name"),
    ];
    for (text, expected) in cases {
        let error = joint().edits(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let error = LabelSpaces::single(faces()).edits("Mal").unwrap_err().to_string();
    assert!(error.contains("did you mean \"Male\"? (known: Male, Young)"), "{error}");
    assert!(joint().source_labels("moods:").is_err(), "a class is missing");
}

#[test]
fn validation_covers_names_and_spaces() {
    let none: [(&str, LabelSpace); 0] = [];
    let cases = [
        (LabelSpaces::joint(none), "found none"),
        (LabelSpaces::joint([("a", faces()), ("a", faces())]), "two datasets are named \"a\""),
        (LabelSpaces::joint([("", faces())]), "dataset name \"\" is empty"),
        (LabelSpaces::joint([("a:b", faces())]), "contains"),
        (
            LabelSpaces::joint([("a\u{1b}b", faces())]),
            r#"dataset name "a\u{1b}b" contains a control"#,
        ),
        (
            LabelSpaces::joint([("a", LabelSpace::classes(["happy"]))]),
            "dataset \"a\": one class only",
        ),
    ];
    for (spaces, expected) in cases {
        let error = spaces.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?}: {error}");
    }
}

#[test]
fn json_is_a_list_of_datasets_and_is_checked_by_validate() {
    let json = |groups: &str| {
        format!(
            concat!(
                r#"[{{"name":"data","labels":{{"kind":"attributes","names":["Male","Young"],"#,
                r#""exclusive":{groups}}}}}]"#
            ),
            groups = groups
        )
    };
    let spaces = LabelSpaces::single(faces());
    assert_eq!(serde_json::to_string(&spaces).unwrap(), json("[]"));
    assert_eq!(serde_json::from_str::<LabelSpaces>(&json("[]")).unwrap(), spaces);
    for bad in [json("[[0,2]]"), json("[[0]]"), json("[[0,1],[1,0]]"), "[]".into()] {
        let spaces: LabelSpaces = serde_json::from_str(&bad).unwrap();
        assert!(spaces.check().is_err(), "{bad}");
    }
}
