use super::*;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;

/// The size that a page may have, whatever the run's.
const LARGEST: usize = 3_000_000;

/// A run folder with `rows` logged iterations and `grids` sample grids of noise, of a run with odd names.
fn run(rows: u64, grids: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let space = LabelSpace::attributes(["Black_Hair", "<b>&\"bold'"]);
    let config = TrainingConfig::new(LabelSpaces::single(space)).with_image_size(64);
    fs::write(at("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    let terms = ["d/real", "d/penalty", "g/fake", "g/reconstruction"];
    let mut log = "iteration,learning_rate,term,value\n".to_owned();
    let mut timing = "iteration,seconds,images_per_second,waited\n".to_owned();
    for row in 1..=rows {
        for (at, term) in terms.iter().enumerate() {
            let value = if row == 2 { f64::NAN } else { (row * 7 % 13) as f64 + at as f64 };
            log += &format!("{},1e-4,data/{term},{value}\n", row * 20);
        }
        timing += &format!("{},{}.5,300.25,0.001\n", row * 20, row);
    }
    fs::write(at("log.csv"), log).unwrap();
    fs::write(at("timing.csv"), timing).unwrap();
    fs::create_dir(at("samples")).unwrap();
    let mut state = 1_u32;
    for grid in 1..=grids {
        let image = image::RgbImage::from_fn(3 * 64, 8 * 64, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb((state | 0x80).to_le_bytes()[1..].try_into().unwrap())
        });
        image.save(at(&format!("samples/{:08}.png", grid * 100))).unwrap();
    }
    let scores = r#"{"n":2,"inside":0.1,"inside_nothing":0.2,"outside":0.05,"outside_nothing":0.0,
        "psnr":20.0,"psnr_nothing":10.0}"#;
    fs::write(at("metrics.json"), format!("{{\"hair\":{scores},\"total\":{scores}}}")).unwrap();
    let header =
        "iteration,change,n,inside,inside_nothing,outside,outside_nothing,psnr,psnr_nothing";
    let measured = format!("{header}\n100,hair,2,0.2,0.3,,,20,10\n200,hair,2,0.1,0.3,,,21,10\n");
    fs::write(at("metrics.csv"), measured).unwrap();
    fs::write(at("data.json"), r#"{"data":[{"spec":"a<b"}],"tests":[]}"#).unwrap();
    folder
}

/// The open elements must close in order; HTML's void elements have no end, SVG's say so themselves.
fn check_elements(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>\n").expect("a doctype");
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        assert!(!tag.contains('<'), "{tag}: an unescaped character");
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}: quotes");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}: a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed in order");
        } else if !["meta", "img"].contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} never close");
}

#[test]
fn a_page_is_well_formed_whole_and_loads_nothing() {
    let folder = run(40, 3);
    let report = Report::of(folder.path()).unwrap();
    let page = report.html();
    check_elements(&page);
    for address in ["http:", "https:", "url(", "@import", "<script", "<link", "src=\"/"] {
        assert!(!page.contains(address), "{address}");
    }
    assert_eq!(page.matches("src=\"").count(), page.matches("src=\"data:image/").count());
    // Every term, the learning rate, the speed, and inside and PSNR over time.
    for term in ["d/real", "d/penalty", "g/fake", "g/reconstruction"] {
        assert!(page.contains(&format!("<b>data/{term}</b><svg")), "{term}");
    }
    assert_eq!(page.matches("<figure><b>").count(), 4 + 2 + 2);
    assert!(page.contains("1 values are not finite"));
    assert!(page.contains("training time") && page.contains("<dd>41 s</dd>"), "40.5 s");
    // One whole grid and two rows of each of the three.
    assert_eq!(page.matches("<img ").count(), 4);
    assert!(page.contains("0.100 <small>(0.200)</small>"));
    // Names are text, not markup.
    assert!(page.contains("&lt;b&gt;&amp;&quot;bold&#39;") && !page.contains("<b>&"));
    assert!(page.contains("<td>data[0].spec</td><td>a&lt;b</td>"));

    let path = report.save().unwrap();
    assert_eq!(path, folder.path().join("report.html"));
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    assert_eq!(
        Report::of(folder.path()).unwrap().save().unwrap(),
        path,
        "in place of the earlier one"
    );
}

#[test]
fn long_runs_stay_small() {
    let folder = run(5_000, 12);
    let page = Report::of(folder.path()).unwrap().html();
    check_elements(&page);
    assert!(page.len() < LARGEST, "{} bytes", page.len());
}

#[test]
fn a_run_that_has_just_begun_has_a_page_and_no_run_is_an_error() {
    let folder = run(1, 0);
    for file in ["log.csv", "timing.csv", "metrics.json", "metrics.csv", "data.json"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let page = Report::of(folder.path()).unwrap().html();
    check_elements(&page);
    assert!(page.contains("None are logged yet."));

    fs::write(folder.path().join("log.csv"), "iteration,learning_rate,term,value\n20,1e-4,x\n")
        .unwrap();
    let error = Report::of(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("log.csv:2: expected a number in column 4, found \"\""), "{error}");
    // A log may claim any iteration.
    let claim = format!("iteration,learning_rate,term,value\n{},1e-4,data/d/real,0.5\n", u64::MAX);
    fs::write(folder.path().join("log.csv"), claim).unwrap();
    check_elements(&Report::of(folder.path()).unwrap().html());
    let error = Report::of(folder.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("expected the folder of a run"), "{error}");
}

/// What the report takes from a configuration is what the model's grids show.
#[test]
fn columns_are_those_of_a_grid() {
    let folder = run(1, 1);
    let report = Report::of(folder.path()).unwrap();
    assert_eq!(report.samples.columns, ["input", "Black_Hair", "<b>&\"bold'"]);
    assert_eq!(report.samples.side, 64);
}
