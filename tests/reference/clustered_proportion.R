# Writes clustered_proportion.json beside this script: a share of rows with several rows a patient, where neither the number
# of rows nor that of patients limits the effective size. Run: Rscript clustered_proportion.R
suppressMessages({library(survey); library(jsonlite)})

set.seed(61)
result <- function(s) {
  sizes <- sample(1:s$most, s$patients, replace = TRUE)
  patient <- rep(seq_along(sizes), sizes)
  chance <- rbeta(s$patients, s$share * s$alike, (1 - s$share) * s$alike)
  event <- as.numeric(runif(length(patient)) < chance[patient])
  design <- svydesign(ids = ~patient, weights = ~one, data = data.frame(patient, event, one = 1))
  limits <- lapply(c(0.95, 0.8), function(level) {
    found <- svyciprop(~event, design, method = "beta", level = level)
    ci <- attr(found, "ci")
    list(confidence_level = level, estimate = as.numeric(found), ci_low = ci[[1]], ci_high = ci[[2]])
  })
  list(event = event, patient = patient, limits = limits,
       std_error = as.numeric(SE(svymean(~event, design))))
}
cases <- lapply(list(
  list(patients = 12, most = 4, share = 0.5, alike = 2), list(patients = 20, most = 4, share = 0.6, alike = 1),
  list(patients = 30, most = 6, share = 0.3, alike = 1), list(patients = 60, most = 3, share = 0.8, alike = 2),
  list(patients = 15, most = 8, share = 0.5, alike = 4)), result)

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/clustered_proportion.R", r = R.version.string,
  packages = list(survey = as.character(packageVersion("survey"))),
  calls = "svyciprop(~event, svydesign(ids = ~patient, weights = ~one), method = 'beta')", cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "clustered_proportion.json")
