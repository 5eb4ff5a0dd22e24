# Writes session_slopes.json beside this script: the slope over sessions of needled minus untreated
# sites, CR2 errors by clubSandwich. Run: Rscript session_slopes.R
suppressMessages({library(clubSandwich); library(jsonlite)})

set.seed(29)
# one row a visit; weeks are a day or two off the session that an untreated site is counted with
course <- function(patients, arm, unseen) {
  rows <- expand.grid(session = 1:3, patient = patients)
  rows$arm <- arm
  rows$weeks <- 4 * rows$session + if (arm == "needling") 0 else sample(c(-0.5, 0, 0.5), nrow(rows), TRUE)
  rows$score <- round(rnorm(100, 10, 5)[rows$patient] + (4 + 3 * (arm == "needling")) * rows$session + rnorm(nrow(rows), 0, 4), 1)
  rows[-unseen, ]
}
sheets <- list(
  parallel = rbind(course(1:12, "needling", c(3, 18, 20)), course(13:20, "untreated", c(6, 11, 12))),
  split_body = rbind(course(1:10, "needling", c(9, 30)), course(1:10, "untreated", c(2, 24, 30))))

result <- function(d) {
  own <- interaction(d$patient, d$arm, drop = TRUE)
  d$mean <- ave(d$session, own)
  d$away <- d$session - d$mean
  d$needled <- as.numeric(d$arm == "needling")
  fit <- lm(score ~ arm + arm:mean + away + needled:away, data = d)
  v <- vcovCR(fit, cluster = d$patient, type = "CR2")
  found <- coef_test(fit, vcov = v, test = "Satterthwaite")
  limits <- conf_int(fit, vcov = v, level = 0.95, test = "Satterthwaite")
  at <- which(names(coef(fit)) %in% c("away:needled", "needled:away"))
  list(patient = d$patient, arm = d$arm, session = d$session, weeks = d$weeks, score = d$score,
       expected = list(estimate = found$beta[at], std_error = found$SE[at], df = found$df_Satt[at],
                       ci_low = limits$CI_L[at], ci_high = limits$CI_U[at]))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/session_slopes.R", r = R.version.string,
  packages = list(clubSandwich = as.character(packageVersion("clubSandwich"))),
  calls = c("coef_test(lm(score ~ arm + arm:mean + away + needled:away), vcov = vcovCR(lm, patient, type = 'CR2'), test = 'Satterthwaite')",
            "conf_int(..., test = 'Satterthwaite')"),
  sheets = lapply(sheets, result))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "session_slopes.json")
