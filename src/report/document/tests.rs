use std::fs;

use super::*;
use crate::engine::observe::samples::Built;
use crate::translate::picture::Layout;

/// The size that a page may have, whatever the run's.
const LARGEST: usize = 3_000_000;

/// What a run of StarGAN on one dataset writes when it begins, cut short.
const CONFIG: &str = r#"{
    "recipe": "stargan",
    "run": {"iterations": 200000, "batch_size": 16, "seed": 0},
    "settings": {"image_size": 64, "spaces": {"attributes": ["Black_Hair", "<b>&\"bold'"]}}
}"#;

/// What its sample grids are.
const GRID: &str =
    r#"{"columns": ["input", "Black_Hair", "<b>&\"bold'"], "cell": [64, 64], "datasets": 1}"#;

/// A run folder with `rows` logged iterations and `grids` sample grids of noise, of a run with odd
/// names.
fn run(rows: u64, grids: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("config.json"), CONFIG).unwrap();
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
    fs::write(at("samples/grid.json"), GRID).unwrap();
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
    let images = r#"{"images":1234,"endings":{".png":1234},"labels":[["<b>",617],["sad",617]],
        "left_out":{".heic":3}}"#;
    fs::write(at("images.json"), format!("{{\"data\":{images}}}")).unwrap();
    folder
}

/// The open elements must close in order; HTML's void elements have no end, SVG's say so
/// themselves.
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
    let report = Report::open(folder.path()).unwrap();
    let page = report.html();
    check_elements(&page);
    for address in ["http:", "https:", "url(", "@import", "<script", "<link", "src=\"/"] {
        assert!(!page.contains(address), "{address}");
    }
    assert_eq!(page.matches("src=\"").count(), page.matches("src=\"data:image/").count());
    // Every term, the learning rate, the speed, and inside and PSNR over time.
    for term in ["Discriminator: gradient penalty", "Generator: reconstruction error"] {
        assert!(page.contains(&format!("<b>{term}</b><svg")), "{term}");
    }
    assert_eq!(page.matches("<figure><b>").count(), 4 + 2 + 2);
    assert!(
        page.contains("<p class=\"verdict\">The run has come to iteration 800 of 200,000 (0.4 %)")
    );
    assert!(page.contains("50 % nearer") && page.contains("4 logged values are not finite."));
    assert!(page.contains("1 values are not finite"));
    assert!(page.contains("training time") && page.contains("<dd>41 s</dd>"), "40.5 s");
    // One whole grid and two rows of each of the three.
    assert_eq!(page.matches("<img ").count(), 4);
    assert!(page.contains("▼</span> 0.100 <small>(0.200)</small>"));
    // Names are text, not markup.
    assert!(page.contains("&lt;b&gt;&amp;&quot;bold&#39;") && !page.contains("<b>&"));
    assert!(page.contains("<summary>data.json</summary>"));
    assert!(page.contains("<td>data[0].spec</td><td>a&lt;b</td>"));
    assert!(page.contains("<h3>run</h3>") && page.contains("<td>batch_size</td><td>16</td>"));
    assert!(!page.contains("<details open"), "settings are folded away");
    assert!(!page.contains("<summary>metrics.json"), "which has a section of its own");
    let cells = ["data", "1,234", "&lt;b&gt; 617, sad 617", "1234 .png", "3 .heic"];
    let row = cells.map(|cell| format!("<td>{cell}</td>")).concat();
    assert!(page.contains("<h2>Images</h2>") && page.contains(&row), "{row}");
    assert!(page.contains("<p>StarGAN training: Black Hair, &lt;b"));
    for card in [
        "iterations</dt><dd>800 of 200,000",
        "images seen</dt><dd>12,800",
        "image size</dt><dd>64 x 64",
        "batch</dt><dd>16",
    ] {
        assert!(page.contains(card), "{card}");
    }

    let path = report.save().unwrap();
    assert_eq!(path, folder.path().join("report.html"));
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    assert_eq!(
        Report::open(folder.path()).unwrap().save().unwrap(),
        path,
        "in place of the earlier one"
    );
}

#[test]
fn long_runs_stay_small() {
    let folder = run(5_000, 12);
    let page = Report::open(folder.path()).unwrap().html();
    check_elements(&page);
    assert!(page.len() < LARGEST, "{} bytes", page.len());
}

#[test]
fn a_run_that_has_just_begun_has_a_page_and_no_run_is_an_error() {
    let folder = run(1, 0);
    for file in [
        "log.csv",
        "timing.csv",
        "metrics.json",
        "metrics.csv",
        "data.json",
        "images.json",
        "samples/grid.json",
    ] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let page = Report::open(folder.path()).unwrap().html();
    check_elements(&page);
    assert!(page.contains("None are logged yet.") && !page.contains("<h2>Images</h2>"));

    fs::write(folder.path().join("log.csv"), "iteration,learning_rate,term,value\n20,1e-4,x\n")
        .unwrap();
    let error = Report::open(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("log.csv:2: expected a number in column 4, found \"\""), "{error}");
    // A log may claim any iteration.
    let claim = format!("iteration,learning_rate,term,value\n{},1e-4,data/d/real,0.5\n", u64::MAX);
    fs::write(folder.path().join("log.csv"), claim).unwrap();
    check_elements(&Report::open(folder.path()).unwrap().html());
    let error = Report::open(folder.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("expected the folder of a run"), "{error}");
}

/// A run of several datasets sees a batch of each in every iteration.
#[test]
fn grids_say_what_they_show_and_of_how_many_datasets() {
    let folder = run(2, 1);
    let grid = folder.path().join("samples/grid.json");
    let labels = ["happy", "Male"];
    let written = r#"{"columns": ["input", "happy", "Male"], "cell": [48, 64], "datasets": 2}"#;
    fs::write(&grid, written).unwrap();
    let report = Report::open(folder.path()).unwrap();
    let columns = ["input", labels[0], labels[1]].map(String::from).to_vec();
    let layout = Layout { cell: [48, 64], scale: 1, gap: 0, top: 0 };
    let expected = Built { columns, layout, datasets: 2 };
    assert_eq!(report.contents.samples.grid, Some(expected));
    assert_eq!(report.contents.samples.labels(), labels);
    let page = report.html();
    assert!(page.contains("images seen</dt><dd>3,200"), "100 iterations of 2 batches of 16");
    assert!(page.contains("image size</dt><dd>64 x 48"));
    assert!(page.contains("<span>happy</span><span>Male</span>"));

    fs::write(&grid, r#"{"columns": 3}"#).unwrap();
    let error = Report::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("grid.json: invalid type: integer `3`"), "{error}");

    // Without it the pictures are shown as they are.
    fs::remove_file(&grid).unwrap();
    let page = Report::open(folder.path()).unwrap().html();
    check_elements(&page);
    assert!(page.contains("<p>StarGAN training</p>"));
    assert_eq!(page.matches("<img ").count(), 1);
    for absent in ["images seen", "image size", "class=\"columns"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn a_run_of_any_recipe_has_a_page() {
    let folder = run(1, 1);
    let config = folder.path().join("config.json");
    let run = r#""run": {"iterations": 20, "batch_size": 4}"#;
    for (recipe, title) in [
        ("cyclegan", "CycleGAN training"),
        ("pix2pix", "pix2pix training"),
        ("my<own>", "my&lt;own&gt; training"),
    ] {
        fs::write(&config, format!("{{\"recipe\": \"{recipe}\", {run}}}")).unwrap();
        let page = Report::open(folder.path()).unwrap().html();
        check_elements(&page);
        assert!(page.contains(&format!(" - {title}</title>")), "{recipe}");
        assert!(page.contains(&format!("<p>{title}: Black Hair")), "{recipe}");
    }
    for (written, expected) in [
        ("[]", "config.json: expected a name under \"recipe\""),
        (r#"{"image_size": 32}"#, "config.json: an earlier version of this crate began this run"),
        (r#"{"recipe": "stargan"}"#, "config.json: expected a number under \"run.iterations\""),
        (
            r#"{"recipe": "stargan", "run": {"iterations": 1, "batch_size": "2"}}"#,
            "config.json: expected a number under \"run.batch_size\"",
        ),
        ("{", "config.json:1: "),
    ] {
        fs::write(&config, written).unwrap();
        let error = Report::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Programs leave files that the library knows nothing of.
#[test]
fn other_files_are_shown_as_they_are() {
    let folder = run(1, 0);
    let at = |name: &str| folder.path().join(name);
    fs::write(at("about.json"), r#"{"who": "<me>", "when": [1, 2]}"#).unwrap();
    fs::write(at("broken.json"), "{\n\"who\"").unwrap();
    fs::write(at("large.json"), format!("[{}1]", "{},".repeat(100_000))).unwrap();
    fs::write(at("notes.txt"), "none of it").unwrap();
    fs::create_dir(at("folder.json")).unwrap();
    let page = Report::open(folder.path()).unwrap().html();
    check_elements(&page);
    let shown: Vec<_> =
        page.split("<summary>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!(shown, ["config.json", "about.json", "broken.json", "data.json", "large.json"]);
    assert_eq!(page.matches("<details>").count(), 5);
    assert!(page.contains("<td>who</td><td>&lt;me&gt;</td>"));
    assert!(page.contains("<td>when</td><td>1, 2</td>"));
    assert!(page.contains("it is no JSON: EOF while parsing an object at line 2"));
    assert!(page.contains("its 300,003 bytes are too many to be shown"));
    assert!(page.len() < LARGEST / 10);
}

#[test]
fn a_grid_that_cannot_be_read_is_named_and_the_rest_is_shown() {
    let folder = run(3, 3);
    let grid = |number: u64| folder.path().join(format!("samples/{:08}.png", number * 100));
    fs::write(grid(3), "").unwrap();
    let page = Report::open(folder.path()).unwrap().html();
    assert_eq!(page.matches("Can't be read: ").count(), 1, "once, though it is asked for twice");
    assert!(page.contains("00000300.png: ") && page.contains("iteration 200"));
    (1..3).for_each(|number| fs::remove_file(grid(number)).unwrap());
    assert!(Report::open(folder.path()).unwrap().html().contains("00000300.png: "));
}

#[test]
fn scores_say_when_they_were_measured() {
    let folder = run(3, 0);
    assert!(Report::open(folder.path()).unwrap().html().contains("Measured at iteration 200."));
    fs::write(folder.path().join("metrics.csv"), "inside\n5\n").unwrap();
    assert!(Report::open(folder.path()).unwrap().html().contains("Measured at iteration 5."));
}
