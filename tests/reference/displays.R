# Writes displays.json beside this script. Run: Rscript displays.R
suppressMessages(library(jsonlite))

harms <- lapply(list(c(0, 40), c(4, 212), c(4, 40), c(8, 230), c(9, 44), c(36, 40)), function(x) {
  found <- binom.test(x[1], x[2], conf.level = 0.95)
  list(func = "harms", events = x[1], n = x[2], level = 0.95, call = "binom.test(events, n)$conf.int",
       expected = as.list(100 * as.numeric(found$conf.int)))
})
harms90 <- binom.test(8, 230, conf.level = 0.9)
harms <- c(harms, list(list(func = "harms", events = 8, n = 230, level = 0.9, call = "binom.test(8, 230, conf.level = 0.9)$conf.int",
                            expected = as.list(100 * as.numeric(harms90$conf.int)))))

# Six patients; a responder reaches the threshold with the mean of the patient's sites.
scores <- c(5, 12, 18, 31, 44, 60)
responders <- lapply(c(10, 31, 50), function(t) {
  e <- sum(scores >= t)
  found <- suppressWarnings(prop.test(e, length(scores), correct = FALSE))
  list(func = "responders", threshold = t, scores = as.list(scores), call = "prop.test(e, n, correct = FALSE)$conf.int",
       expected = as.list(100 * c(e / length(scores), as.numeric(found$conf.int))))
})

dose <- list(list(func = "dose", values = as.list(scores), level = 0.95, call = "t.test(values)$conf.int",
                  expected = as.list(c(mean(scores), as.numeric(t.test(scores)$conf.int)))))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/displays.R", r = R.version.string,
  packages = list(stats = as.character(packageVersion("stats"))), cases = c(harms, responders, dose))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "displays.json")
