# Writes published_answers.json beside this script: two trials from the literature, read from headache.csv and
# depression.csv. Run: Rscript published_answers.R
suppressMessages({library(jsonlite); library(clubSandwich)})

# The difference of the arms by lm, and with CR2 errors and Satterthwaite df where each patient is a cluster.
answer <- function(formula, data, arm) {
  kept <- data[complete.cases(data[all.vars(formula)]), ]
  fit <- lm(formula, data = kept)
  usual <- confint(fit)[arm, ]
  robust <- conf_int(fit, vcov = vcovCR(fit, cluster = seq_len(nrow(kept)), type = "CR2"), coefs = arm)
  list(formula = deparse1(formula), n = nrow(kept), arms = as.numeric(table(kept[[arm]])), estimate = coef(fit)[[arm]],
       ci_low = usual[[1]], ci_high = usual[[2]], cr2_std_error = robust$SE, cr2_df = robust$df,
       cr2_ci_low = robust$CI_L, cr2_ci_high = robust$CI_U)
}

headache <- read.csv("headache.csv")
depression <- read.csv("depression.csv")
depression$centre <- factor(depression$centre)
pairs <- t.test(sleep$extra[11:20], sleep$extra[1:10], paired = TRUE)
found <- list(
  sleep = list(usual = sleep$extra[1:10], other = sleep$extra[11:20], estimate = pairs$estimate[[1]], t = pairs$statistic[[1]],
               df = pairs$parameter[[1]], p_value = pairs$p.value, ci_low = pairs$conf.int[1], ci_high = pairs$conf.int[2]),
  headache = list(
    before = answer(week_52 ~ acupuncture + before, headache, "acupuncture"),
    strata = answer(week_52 ~ acupuncture + before + age + chronicity, headache, "acupuncture")),
  depression = list(
    crude = answer(fall ~ drug, depression, "drug"),
    centres = answer(fall ~ drug + centre, depression, "drug")))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(c(list(
  generator = "tests/reference/published_answers.R", r = R.version.string,
  clubSandwich = as.character(packageVersion("clubSandwich")), calls = "lm(); conf_int(vcovCR(type = \"CR2\")); t.test(paired = TRUE)"),
  found)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "published_answers.json")
