# A Rails controller that takes a listing's photo only if it can be published, and tells its owner what to do if not.
# A service with keys wants the header "Authorization" => "Bearer #{key}", too.
require "net/http"

class PhotosController < ApplicationController
  SCORE = URI("#{ENV.fetch('CLEARSHOT')}/score?profile=real-estate")

  def create
    answer = Net::HTTP.post(SCORE, params.require(:photo).read, "Content-Type" => "application/octet-stream")
    if %w[429 503 504].include?(answer.code)
      response.headers["Retry-After"] = answer["Retry-After"] || "1"
      return head :service_unavailable
    end
    # The rest is no fault of the photo, such as a key that is missing, and no business of its owner.
    return head :bad_gateway unless answer.is_a?(Net::HTTPSuccess) || %w[400 408 413 415 422].include?(answer.code)
    score = JSON.parse(answer.body)
    return render json: { advice: [score["detail"]] }, status: 422 unless answer.is_a?(Net::HTTPSuccess)
    return render json: { advice: score["reasons"].pluck("advice") }, status: 422 if score["verdict"] == "fail"
    # Here the photo is kept; an `unsure` one goes to a person, too.
    render json: score.slice("verdict", "quality"), status: 201
  end
end
