import clearshot.ApiClient;
import clearshot.ApiException;
import clearshot.api.CorrectingApi;
import clearshot.api.ScoringApi;
import clearshot.model.Problem;
import clearshot.model.Score;
import clearshot.model.ScoreResponse;
import clearshot.model.Verdict;
import java.io.File;
import java.net.http.HttpRequest;
import java.nio.file.Files;
import java.nio.file.Path;

/** Uses the generated client: scores a photo and a text file, and asks for a correction that is refused. */
public class Use {
    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        File photo = new File("tests/fixtures/pavilion.jpg");
        File text = Files.writeString(Path.of("target/clients/java/text"), "text").toFile();
        ScoringApi scoring = new ScoringApi(sending(client, photo));
        ScoreResponse answer = scoring.score(photo, "real-estate", null, null, null);
        check(answer.getVerdict() == Verdict.PASS && answer.getImage().getWidth() == 640, answer);
        Score rotation = answer.getScores().getRotation();
        check(rotation.getLow() <= rotation.getValue() && rotation.getValue() <= rotation.getHigh(), rotation);
        check(answer.getModels().get("blur").startsWith("blur-") && answer.getMaxUsableWidth() == 640, answer);
        // A further metric: the service runs a copy of the brightness model under this name.
        Score exposure = answer.getScores().getAdditionalProperty("exposure");
        check(exposure.getValue().equals(answer.getScores().getBrightness().getValue()), exposure);
        check(answer.getModels().get("exposure").equals(answer.getModels().get("brightness")), answer);
        ScoringApi scoringText = new ScoringApi(sending(client, text));
        check(code(client, () -> scoringText.score(text, null, null, null, null)).equals("unsupported_format"), text);
        CorrectingApi correcting = new CorrectingApi(sending(client, photo));
        check(code(client, () -> correcting.correct(photo, null, null, null, null)).equals("nothing_to_correct"), photo);
        System.out.println("java: ok");
    }

    /** This library of the generator writes a file as the JSON of its path; the interceptor sends its bytes instead. */
    private static ApiClient sending(ApiClient client, File file) throws Exception {
        HttpRequest.BodyPublisher bytes = HttpRequest.BodyPublishers.ofFile(file.toPath());
        return client.setRequestInterceptor(request -> request.method("POST", bytes));
    }

    private interface Call {
        void run() throws ApiException;
    }

    private static String code(ApiClient client, Call call) throws Exception {
        try {
            call.run();
            return "";
        } catch (ApiException refused) {
            return client.getObjectMapper().readValue(refused.getResponseBody(), Problem.class).getCode();
        }
    }

    private static void check(boolean holds, Object seen) {
        if (!holds) {
            throw new AssertionError(String.valueOf(seen));
        }
    }
}
