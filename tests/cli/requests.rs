//! Wrong requests and files that cannot be used: one sentence, the right exit status, nothing left behind.

use super::{Place, gzip, idx, refused, tiny};

#[test]
fn files_that_cannot_be_used_are_explained() {
    let place = Place::new();
    let good = place.read("train-images-idx3-ubyte");
    place.write("cut", &good[..1000]);
    place.write("cut.gz", &gzip(&good)[..100]);
    place.write("cut-inside.gz", &gzip(&good[..1000]));
    place.write("magic", &idx(0x804, &[40, 8, 8]));
    place.write("magic.gz", &gzip(b"GIF89a\0or something like it"));
    place.write("long", &[good.as_slice(), b"xyz"].concat());
    place.write("empty", b"");
    place.write("plain.gz", &good);
    place.write("labels/train-images-idx3-ubyte", &good);
    place.write("labels/train-labels-idx1-ubyte", &idx(0x801, &[39]));
    place.write("photos/a.jpg", b"not a picture");
    place.write("photos/b.png", b"nor this");
    place.write("nothing/readme.txt", b"no pictures");
    place.write("letters.csv", b"x,y\n1,2\n3,-inf\n");
    place.write("ragged.csv", b"1,2\n\n3\n");
    place.write("header.csv", b"x,y\n");
    place.write("latin.csv", b"1,\xe9\n");
    for (data, words) in [
        ("cut", &["`cut`", "40 x 8 x 8 = 2560", "984 follow"][..]),
        ("cut.gz", &["`cut.gz`", "2560 bytes of images"]),
        ("cut-inside.gz", &["`cut-inside.gz`", "984 follow"]),
        ("magic", &["`magic`", "0x00000804", "0x00000803"]),
        ("magic.gz", &["`magic.gz`", "of no kind that is read"]),
        ("long", &["`long`", "2563 follow"]),
        ("empty", &["`empty` is empty"]),
        ("plain.gz", &["`plain.gz` is not gzipped"]),
        ("labels", &["39 labels", "40 images"]),
        ("photos", &["`photos` holds no image that can be read"]),
        ("nothing", &["`nothing` holds no images,", "or texts: name the file in it: `nothing/readme.txt`"]),
        ("letters.csv", &["`letters.csv`: `-inf` in column `y` (line 3) is not finite"]),
        ("ragged.csv", &["ragged.csv:3: 1 value where the first row has 2"]),
        ("header.csv", &["`header.csv` has a header and no rows below it"]),
        ("latin.csv", &["`latin.csv` has nothing to learn: no column has two different values"]),
    ] {
        refused(&place, &format!("train --config gan.toml --data {data}"), 1, words);
    }
}

#[test]
fn wrong_requests_are_explained() {
    let place = Place::new();
    place.write("small/train-images-idx3-ubyte", &idx(0x803, &[4, 6, 6]));
    place.write("odd/train-images-idx3-ubyte", &idx(0x803, &[4, 15, 9]));
    place.write("bare/train-images-idx3-ubyte", &idx(0x803, &[4, 8, 8]));
    place.write("broken.toml", b"steps = 3\nlr_g = = 2\n");
    place.write("odd.toml", b"steps = 3\nlr = 2\n");
    place.write("away.toml", b"data = 'gone.csv'\n");
    place.write("file", b"x");
    for (line, words) in [
        // sizes and shapes
        ("dcgan --data small", &["6x6", "--size"][..]),
        ("dcgan --data odd", &["9x15", "--size 8x16"]),
        ("dcgan --data ring", &["dcgan generates images", "are points: `gan` learns them"]),
        ("dcgan --data digits --preset article --size 28 --set channels=1", &["multiples of 8, not 28x28"]),
        ("--size 30x", &["--size", "WIDTHxHEIGHT", "`30x`"]),
        ("--size 99999", &["from 4 to 16384"]),
        ("--data ring --stack 3", &["`ring` holds drawn points"]),
        ("--data ring --size 32", &["`ring` holds drawn points"]),
        ("--stack 2", &["--stack", "1 or 3"]),
        ("--stack 3 --set channels=1", &["a stack of 3 makes RGB examples"]),
        ("--set latent=0", &["`latent` is 0: a sample needs at least one latent value"]),
        ("--data sines", &["gan learns from images or points, and this data set has sequences"]),
        ("--data sines --size 32", &["sequences"]),
        // names
        ("dcgna", &["unknown variant `dcgna`; did you mean `dcgan`?"]),
        ("--data digts", &["`digts`", "did you mean `digits`?"]),
        ("--data no/where", &["the path `no/where` does not exist"]),
        ("--data gone.csv", &["the path `gone.csv` does not exist"]),
        ("--preset artcle", &["preset of gan `artcle`; did you mean `article`?"]),
        ("--set lr_gg=1", &["unknown setting `lr_gg`; did you mean `lr_g`?"]),
        ("--set objective=wagn", &["did you mean `wgan`?"]),
        ("--set =3", &["unknown setting ``"]),
        ("--set steps", &["has no `=`; write KEY=VALUE"]),
        ("--adapter cpuu", &["--adapter cpuu: no such adapter; by number or name there are"]),
        ("--adapter 99", &["--adapter 99: no such adapter"]),
        // values
        ("--steps 0", &["--steps", "1 or more", "`0`"]),
        ("--steps many", &["--steps", "1 or more", "`many`"]),
        ("--types a=id --types b=skip", &["--types <COLUMN=TYPE,..> is given twice: give it once, with commas"]),
        ("--steps 3 --steps 4", &["--steps <N> is given twice: give it once"]),
        ("--batch -1", &["--batch", "1 to 65536", "`-1`"]),
        ("--seed 99999999999999999999", &["--seed"]),
        ("--set ema=1", &["`ema` takes a number from 0 up to but not 1"]),
        ("--set lr_d=nan", &["`lr_d` takes a number, 0 or more"]),
        ("--set r1=inf", &["`r1` takes a number, 0 or more"]),
        ("--set hidden_g=8,0", &["`hidden_g` takes 1 to 16 widths"]),
        ("--keep 0", &["--keep", "1 or more"]),
        // settings that exclude each other
        ("--conditional --data bare", &["`conditional` needs classes"]),
        ("--conditional --stack 3 --data digits", &["`conditional` takes stack=1"]),
        ("--set gp=10 --set norm_d=batch", &["gradient penalty", "norm_d=none or norm_d=layer"]),
        ("--batch 9 --set pack=2", &["`batch` takes a multiple of `pack`"]),
        ("--set smooth=0.1 --set objective=wgan", &["`smooth` goes with"]),
        // files and folders
        ("--config none.toml", &["cannot read the settings `none.toml`"]),
        ("--config broken.toml", &["broken.toml:2: not valid TOML"]),
        ("--config odd.toml", &["odd.toml:2: `lr` is a setting of each network: lr_g = 2, lr_d = 2"]),
        ("--config away.toml", &["`gone.csv`", "the path is that of `away.toml`", "--data names another one"]),
        ("--out file", &["--out: `file` is a file"]),
        ("--out bare", &["--out: `bare` is not empty"]),
        ("--data gone.csv --out file", &["--out: `file` is a file"]),
        ("--out bare --resume", &["it has no run.toml, so it is not the folder of a run"]),
        ("--out file --resume", &["it is a file"]),
    ] {
        let line = if line.contains("--config") { format!("train {line}") } else { tiny(line) };
        refused(&place, &line, 2, words);
    }
    for (line, words) in [
        ("train lstm --data ring --adapter cpu", &["lstm learns from sequences", "has shape [2]"][..]),
        ("train lstm-gan --data digits --adapter cpu", &["lstm-gan learns from sequences", "[1, 28, 28]", "`sines`"]),
        ("train vae --set gp=3", &["--set: `gp` is no option of vae: `saddle variants vae` lists those"]),
        ("train lstm --stack 3", &["--stack: `stack` is no option of lstm"]),
        ("train dbm --conditional", &["--conditional: `conditional` is no option of dbm"]),
        ("train dbm --data shapes --adapter cpu", &["dbm learns grey images", "channels=1"]),
        ("train ae --data ring --set likelihood=bernoulli --adapter cpu", &["likelihood=gaussian"]),
        ("train dbm --set optimizer=adam", &["--set: `optimizer` is no option of dbm"]),
        ("train rvae-gan --set each_step=true", &["--set: `each_step` is no option of rvae-gan"]),
        ("sample none", &["cannot open the run `none`"]),
        ("variants gna", &["did you mean `gan`?"]),
    ] {
        refused(&place, line, 2, words);
    }
}

#[test]
fn an_existing_run_is_not_harmed_by_a_wrong_request() {
    let place = Place::new();
    place.trained("--out a");
    place.trained("--out c --conditional");
    let state = || (place.read("a/run.toml"), place.read("a/metrics.jsonl"), place.result("a"));
    let before = state();
    for (line, words) in [
        ("train --config gan.toml --out a", &["`a` already holds a run; continue it with --resume"][..]),
        ("train --out a --resume --steps 10", &["is at step 20 of 10 already"]),
        ("train --out a --resume --set latent=9", &["`latent` is 8 in this run and cannot become 9", "steps"]),
        ("train dcgan --out a --resume", &["`variant` is gan in this run"]),
        ("train --out a --resume --steps 40 --adapter none", &["--adapter none: no such adapter"]),
        ("sample a --class 1", &["--class needs a model trained with --conditional"]),
        ("sample c --class 4", &["--class 4: the model has classes 0 to 3"]),
        ("sample a --out x.jpg", &["`x.jpg`: the ending says the format", "png, csv, npy"]),
        ("sample a --out x", &["png, csv, npy"]),
        ("sample a --count 20000 --scale 7", &["a png shows 13206 such images at most at this --scale"]),
        ("sample a --adapter none", &["no such adapter"]),
    ] {
        refused(&place, line, 2, words);
        assert!(before == state(), "{line} changed the run");
    }
    refused(&place, "sample a --out no/where.png", 1, &["cannot write `no/where.png`: No such file"]);
    place.saddle("train --out a --resume --steps 40 --dry-run");
    assert!(before == state(), "a dry run changed the run");
}
