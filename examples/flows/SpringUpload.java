// A Spring controller that takes a listing's photo only if it can be published, and tells its owner what to do if not.
// A service with keys wants `.header("Authorization", "Bearer " + key)`, too.
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.HttpStatusCodeException;
import org.springframework.web.client.RestClient;
import org.springframework.web.multipart.MultipartFile;

@RestController
class SpringUpload {
    record Reason(String advice) {}
    record Score(String verdict, double quality, List<Reason> reasons) {}
    record Problem(String detail) {}

    private final RestClient clearshot = RestClient.create(System.getenv("CLEARSHOT"));

    @PostMapping("/photos")
    ResponseEntity<?> upload(@RequestParam MultipartFile photo) throws IOException {
        try {
            Score score = clearshot.post().uri("/score?profile=real-estate").body(photo.getBytes()).retrieve().body(Score.class);
            if (score.verdict().equals("fail")) {
                return ResponseEntity.unprocessableEntity().body(Map.of("advice", score.reasons().stream().map(Reason::advice).toList()));
            }
            // Here the photo is kept; an `unsure` one goes to a person, too.
            return ResponseEntity.status(201).body(Map.of("verdict", score.verdict(), "quality", score.quality()));
        } catch (HttpStatusCodeException refused) {
            int status = refused.getStatusCode().value();
            if (List.of(429, 503, 504).contains(status)) {
                return ResponseEntity.status(503).header("Retry-After", "1").build();
            }
            // The rest is no fault of the photo, such as a key that is missing, and no business of its owner.
            if (!List.of(400, 408, 413, 415, 422).contains(status)) {
                return ResponseEntity.status(502).build();
            }
            String detail = refused.getResponseBodyAs(Problem.class).detail();
            return ResponseEntity.unprocessableEntity().body(Map.of("advice", List.of(detail)));
        }
    }
}
