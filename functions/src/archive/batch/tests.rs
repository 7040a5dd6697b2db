use super::*;
use proptest::prelude::*;
use serde_json::json;

const ARN: &str =
    "arn:aws:dynamodb:eu-central-1:111122223333:table/prod-wallets/stream/2026-11-20T16:00:00.000";
/// 2026-11-20 16:59:59 UTC.
const BEFORE_FIVE: u64 = 1_795_193_999;

fn row(version: u64) -> Value {
    json!({"pk": {"S": "u"}, "sk": {"S": "w"}, "version": {"N": version.to_string()}})
}

fn record(change: &str, sequence: &str, at: u64, new: Option<Value>, old: Option<Value>) -> Value {
    let mut changed = json!({
        "ApproximateCreationDateTime": at,
        "Keys": {"pk": {"S": "u"}, "sk": {"S": "w"}},
        "SequenceNumber": sequence,
        "SizeBytes": 100,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    if let Some(new) = new {
        changed["NewImage"] = new;
    }
    if let Some(old) = old {
        changed["OldImage"] = old;
    }
    json!({
        "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": change, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
        "dynamodb": changed, "eventSourceARN": ARN,
    })
}

fn three() -> Vec<Value> {
    vec![
        record("INSERT", "100", BEFORE_FIVE, Some(row(1)), None),
        record("MODIFY", "200", BEFORE_FIVE, Some(row(2)), Some(row(1))),
        record("REMOVE", "300", BEFORE_FIVE + 1, None, Some(row(2))),
    ]
}

fn made(records: &[Value]) -> Result<Vec<Object>> {
    objects(json!({ "Records": records }))
}

fn lines(object: &Object) -> Vec<Value> {
    let text = std::str::from_utf8(&object.body).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_batch_becomes_an_object_an_hour_named_by_its_bytes() {
    let objects = made(&three()).unwrap();
    let [first, second] = objects.as_slice() else { panic!("{objects:?}") };
    assert!(first.key.starts_with("prod-wallets/2026/11/20/16/0000000000"), "{}", first.key);
    assert!(second.key.starts_with("prod-wallets/2026/11/20/17/0000000000"), "{}", second.key);
    let hash = hex::encode(Sha256::digest(&first.body));
    assert!(first.key.ends_with(&format!("100-{hash}.jsonl")));
    assert_eq!(lines(first).len(), 2);
    assert_eq!(lines(second).len(), 1);
}

#[test]
fn each_line_names_what_it_replaced_and_keeps_no_former_image() {
    let objects = made(&three()).unwrap();
    let lines: Vec<_> = objects.iter().flat_map(lines).collect();
    assert_eq!(lines[0]["image"], row(1));
    assert_eq!(lines[0]["replaced"], Value::Null);
    assert_eq!(lines[1]["replaced"], lines[0]["sha256"]);
    assert_eq!(lines[2]["replaced"], lines[1]["sha256"]);
    assert_eq!(lines[2]["image"], Value::Null);
    assert_eq!(lines[1]["stream"], "2026-11-20T16:00:00.000");
    assert_eq!((lines[1]["pk"].as_str(), lines[1]["sk"].as_str()), (Some("u"), Some("w")));
}

#[test]
fn a_removal_by_the_tables_clock_is_told_from_one_by_a_function() {
    let mut by_clock = three().pop().unwrap();
    assert_eq!(lines(&made(&[by_clock.clone()]).unwrap()[0])[0]["expired"], false);
    by_clock["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    assert_eq!(lines(&made(&[by_clock]).unwrap()[0])[0]["expired"], true);
}

#[test]
fn an_empty_batch_makes_nothing() {
    assert!(made(&[]).unwrap().is_empty());
}

#[test]
fn what_no_stream_gives_is_refused_and_never_skipped() {
    let at = |path: &str, value: Value| {
        let mut records = three();
        *records[1].pointer_mut(path).unwrap() = value;
        records
    };
    let without = |name: &str| {
        let mut records = three();
        records[1]["dynamodb"].as_object_mut().unwrap().remove(name).unwrap();
        records
    };
    let cases = [
        at("/eventName", json!("UPSERT")),
        at("/eventSourceARN", json!("arn:aws:kinesis:eu-central-1:1:table/x/stream/y")),
        at("/eventSourceARN", json!(format!("{ARN}/more"))),
        at("/eventSourceARN", json!(ARN.replace("prod-wallets", "../other"))),
        at("/eventSourceARN", json!("")),
        at("/dynamodb/SequenceNumber", json!("")),
        at("/dynamodb/SequenceNumber", json!("12a")),
        at("/dynamodb/SequenceNumber", json!("9".repeat(41))),
        at("/dynamodb/ApproximateCreationDateTime", json!(-1)),
        at("/dynamodb/ApproximateCreationDateTime", json!(1e300)),
        at("/dynamodb/StreamViewType", json!("NEW_IMAGE")),
        at("/dynamodb/NewImage", json!({"x": {"Q": "a type of tomorrow"}})),
        at("/dynamodb/NewImage/sk", json!({"S": "another row"})),
        at("/dynamodb/OldImage/pk", json!({"N": "1"})),
        at("/dynamodb/Keys", json!({"pk": {"S": "u"}})),
        without("NewImage"),
        without("OldImage"),
        without("Keys"),
        without("SequenceNumber"),
        without("ApproximateCreationDateTime"),
    ];
    for records in cases {
        assert!(made(&records).is_err(), "{}", records[1]);
    }
    assert!(objects(json!({})).is_err());
    assert!(objects(json!("Records")).is_err());
    assert!(made(&vec![three()[0].clone(); MAX_RECORDS + 1]).is_err());
}

#[test]
fn an_item_that_no_function_writes_is_archived_like_any_other() {
    let odd = json!({"pk": {"S": "u"}, "sk": {"S": "w"}, "version": {"S": "none"}, "x": {"L": []}});
    let record = record("INSERT", "1", BEFORE_FIVE, Some(odd.clone()), None);
    assert_eq!(lines(&made(&[record]).unwrap()[0])[0]["image"], odd);
}

proptest! {
    /// Whatever part of a batch Lambda tries again, lines are the same lines.
    #[test]
    fn a_batch_that_is_cut_anywhere_makes_the_same_lines(cut in 0..=3_usize) {
        let records = three();
        let whole: Vec<_> = made(&records).unwrap().iter().flat_map(lines).collect();
        let (former, latter) = records.split_at(cut);
        let mut parts = made(former).unwrap();
        parts.extend(made(latter).unwrap());
        let parts: Vec<_> = parts.iter().flat_map(lines).collect();
        prop_assert_eq!(whole, parts);
    }

    /// Reading never panics.
    #[test]
    fn no_text_makes_a_panic(text in "\\PC{0,200}") {
        if let Ok(value) = serde_json::from_str(&text) {
            let _ = objects(value);
        }
        let _ = source(&text);
    }
}
